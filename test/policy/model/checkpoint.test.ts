import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inspectCheckpoint } from '../../../policy/model/checkpoint/inspect.js';
import { InvalidCheckpoint } from '../../../policy/model/checkpoint/invalid-checkpoint.js';
import { parseModelConfig } from '../../../policy/model/checkpoint/model-config.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import { parameters } from '../../../policy/model/parameters.js';
import { ropeFrequencies } from '../../../policy/model/rope-frequencies.js';
import { SafetensorsFile, writeSafetensors } from '../../../store/safetensors/file.js';
import type { TensorInput } from '../../../store/safetensors/safetensors.js';

const MODELS = fileURLToPath(new URL('../../fixtures/models/', import.meta.url));

/** config.json as it lies on the hub, without keys that are the same for all. */
const distillQwen = {
  architectures: ['Qwen2ForCausalLM'],
  attention_dropout: 0.0,
  bos_token_id: 151646,
  eos_token_id: 151643,
  hidden_act: 'silu',
  hidden_size: 1536,
  initializer_range: 0.02,
  intermediate_size: 8960,
  max_position_embeddings: 131072,
  max_window_layers: 21,
  model_type: 'qwen2',
  num_attention_heads: 12,
  num_hidden_layers: 28,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  sliding_window: 4096,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
  use_cache: true,
  use_mrope: false,
  use_sliding_window: false,
  vocab_size: 151936,
};
const qwen25 = {
  ...distillQwen,
  hidden_size: 896,
  intermediate_size: 4864,
  max_position_embeddings: 32768,
  num_attention_heads: 14,
  num_hidden_layers: 24,
  rope_theta: 1000000.0,
  tie_word_embeddings: true,
};
const qwen3 = {
  ...distillQwen,
  architectures: ['Qwen3ForCausalLM'],
  attention_bias: false,
  head_dim: 128,
  hidden_size: 1024,
  intermediate_size: 3072,
  max_position_embeddings: 40960,
  model_type: 'qwen3',
  num_attention_heads: 16,
  num_key_value_heads: 8,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: null,
  tie_word_embeddings: true,
};
const llama32 = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0.0,
  head_dim: 64,
  hidden_act: 'silu',
  hidden_size: 2048,
  intermediate_size: 8192,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 32,
  num_hidden_layers: 16,
  num_key_value_heads: 8,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    factor: 32.0,
    high_freq_factor: 4.0,
    low_freq_factor: 1.0,
    original_max_position_embeddings: 8192,
    rope_type: 'llama3',
  },
  rope_theta: 500000.0,
  tie_word_embeddings: true,
  vocab_size: 128256,
};

function parsed(json: unknown): ModelConfig {
  const result = parseModelConfig(json);
  if ('problems' in result) throw new InvalidCheckpoint('config.json', result.problems);
  return result.config;
}

function problemsOf(json: unknown): string[] {
  const result = parseModelConfig(json);
  return 'problems' in result ? result.problems.map(({ path, problem }) => `${path}: ${problem}`) : [];
}

describe('config.json of', () => {
  it.each([
    ['DeepSeek-R1-Distill-Qwen-1.5B', distillQwen, 1_777_088_000],
    ['Qwen2.5-0.5B', qwen25, 494_032_768],
    ['Qwen3-0.6B', qwen3, 596_049_920],
    ['Llama-3.2-1B', llama32, 1_235_814_400],
  ])('%s describes a model of its size', (_, json, size) => {
    const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
    expect(parameters(parsed(json)).reduce((sum, { shape }) => sum + count(shape), 0)).toBe(size);
  });

  it('transformers 5 says the same in other keys', () => {
    const { rope_theta, rope_scaling, ...rest } = llama32;
    expect(parsed({ ...rest, rope_parameters: { ...rope_scaling, rope_theta } })).toEqual(parsed(llama32));
    expect(parsed(llama32)).toMatchObject({
      ropeTheta: 500_000,
      ropeScaling: { type: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    });
    const { rope_theta: theta, ...plain } = distillQwen;
    expect(parsed({ ...plain, rope_parameters: { rope_theta: theta, rope_type: 'default' } })).toEqual(
      parsed(distillQwen),
    );
    const linear = { type: 'linear', factor: 4 };
    expect(parsed({ ...distillQwen, rope_scaling: linear }).ropeScaling).toEqual(linear);
  });

  it('a model that we cannot compute names all that is in the way', () => {
    const problems = problemsOf({
      ...qwen3,
      model_type: 'qwen3_moe',
      hidden_size: 'wide',
      hidden_act: 'gelu',
      attention_bias: true,
      mlp_bias: true,
      use_sliding_window: true,
      layer_types: ['full_attention', 'sliding_attention', 'sliding_attention'],
      quantization_config: { quant_method: 'fp8' },
      rope_scaling: { rope_type: 'yarn', factor: 4, partial_rotary_factor: 0.5 },
    });
    expect(problems).toEqual([
      'model_type: "qwen3_moe" is not supported; supported: qwen2, qwen3, llama',
      'hidden_size: Invalid input: expected number, received string',
      'rope_scaling.partial_rotary_factor: only whole heads are rotated',
      'rope_scaling.rope_type: "yarn" is not supported; supported: default, linear, llama3',
      'hidden_act: "gelu": only "silu" is supported',
      'use_sliding_window: true: sliding-window attention is not supported',
      'attention_bias: true: biases of the attention projections are not supported',
      'mlp_bias: true: biases of the feed-forward network are not supported',
      'quantization_config: given: quantised weights are not supported',
      'layer_types: "sliding_attention": only "full_attention" is supported',
    ]);
  });

  it.each([
    ['llama3 without its factors', { ...llama32, rope_scaling: { rope_type: 'llama3', factor: 8 } }, 2],
    ['linear without its factor', { ...llama32, rope_scaling: { type: 'linear' } }, 1],
    ['rotary embeddings by layer type', { ...qwen3, rope_parameters: { full_attention: { rope_type: 'default' } } }, 1],
    ['heads that do not divide', { ...qwen3, num_key_value_heads: 5 }, 1],
    ['a head of odd size', { ...qwen3, head_dim: 3 }, 1],
    ['no object', [], 1],
  ])('%s is refused', (_, json, count) => {
    expect(problemsOf(json)).toHaveLength(count);
  });
});

describe('rotary frequencies', () => {
  const shape = { headSize: 64, ropeTheta: 500_000 };
  const plain = ropeFrequencies(shape);

  it('are powers of theta', () => {
    expect(plain).toBeAllclose(Array.from({ length: 32 }, (_, i) => 500_000 ** (-i / 32)));
  });

  it('scaled as llama3 stay for short waves, are divided for long ones, and go over in between', () => {
    const ropeScaling = parsed(llama32).ropeScaling!;
    const scaled = ropeFrequencies({ ...shape, ropeScaling });
    const ratios = scaled.map((frequency, i) => plain[i] / frequency);
    const waves = plain.map((frequency) => (8192 * frequency) / (2 * Math.PI));
    waves.forEach((count, i) => {
      if (count > 4) expect(ratios[i]).toBe(1);
      else if (count < 1) expect(ratios[i]).toBeCloseTo(32, 4);
      else expect(1 / ratios[i]).toBeCloseTo((1 - (count - 1) / 3) / 32 + (count - 1) / 3, 4);
    });
    expect(waves.filter((count) => count >= 1 && count <= 4).length).toBeGreaterThan(1);
  });
});

describe('a checkpoint directory', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'attnrl-checkpoint-'));
  });
  afterAll(() => rm(scratch, { recursive: true }));

  async function copyOf(name: string): Promise<string> {
    const directory = await mkdtemp(join(scratch, 'case-'));
    await cp(join(MODELS, name), directory, { recursive: true });
    return directory;
  }

  async function problems(directory: string): Promise<string[]> {
    const error: unknown = await inspectCheckpoint(directory).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvalidCheckpoint);
    return (error as InvalidCheckpoint).problems.map(({ path, problem }) => `${path}: ${problem}`);
  }

  async function rewrite(path: string, change: (tensors: Record<string, TensorInput>) => void): Promise<void> {
    const file = await SafetensorsFile.open(path);
    const tensors: Record<string, TensorInput> = {};
    for (const [name, { shape }] of file.header.tensors) tensors[name] = { shape, data: await file.read(name) };
    await file.close();
    change(tensors);
    await writeSafetensors(path, tensors);
  }

  it('may be sharded, and names the shards and tensors that are missing', async () => {
    const directory = await copyOf('qwen3');
    const { weights } = await inspectCheckpoint(directory);
    expect(weights).toHaveLength(3);
    const file = 'model-00002-of-00003.safetensors';
    await rm(join(directory, file));
    const found = await problems(directory);
    expect(found[0]).toBe(`${file}: missing, though model.safetensors.index.json names it`);
    const index = JSON.parse(await readFile(join(directory, 'model.safetensors.index.json'), 'utf8')) as {
      weight_map: Record<string, string>;
    };
    const lost = Object.keys(index.weight_map).filter((tensor) => index.weight_map[tensor] === file);
    expect(lost.length).toBeGreaterThan(5);
    expect(found.slice(1).sort()).toEqual(lost.map((tensor) => `${tensor}: tensor is missing`).sort());
  });

  it('that holds more than its config.json describes is another model', async () => {
    const directory = await copyOf('qwen3');
    const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(join(directory, 'config.json'), JSON.stringify({ ...config, model_type: 'llama' }));
    expect(await problems(directory)).toEqual(
      [0, 1].flatMap((layer) =>
        ['k_norm', 'q_norm'].map(
          (norm) =>
            `model.layers.${layer}.self_attn.${norm}.weight: tensor has no place in the model that config.json describes`,
        ),
      ),
    );
  });

  it('may repeat a tied head and the rotary frequencies, but not have a head of its own beside it, nor store weights as integers', async () => {
    const directory = await copyOf('llama-linear');
    const [file] = (await readdir(directory)).filter((name) => name.endsWith('.safetensors'));
    await rewrite(join(directory, file), (tensors) => {
      tensors['lm_head.weight'] = tensors['model.embed_tokens.weight'];
      tensors['model.layers.0.self_attn.rotary_emb.inv_freq'] = new Float32Array(8);
    });
    expect((await inspectCheckpoint(directory)).config.tiedHead).toBe(true);
    await rewrite(join(directory, file), (tensors) => {
      const { shape, data } = tensors['model.embed_tokens.weight'] as { shape: readonly number[]; data: Float32Array };
      tensors['lm_head.weight'] = { shape, data: data.slice().fill(1, -1) };
    });
    expect(await problems(directory)).toEqual([
      expect.stringMatching(/^lm_head.weight: is not model.embed_tokens.weight/),
    ]);
    await rewrite(join(directory, file), (tensors) => delete tensors['lm_head.weight']);
    await rewrite(join(directory, file), (tensors) => (tensors['model.norm.weight'] = new Int32Array(32)));
    expect(await problems(directory)).toEqual(['model.norm.weight: is stored as I32; supported: F32, F16, BF16']);
  });
});
