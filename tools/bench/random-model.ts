/** Models of given shapes with random weights, as a Hugging Face folder that ours and the peers open alike. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStream, integerAt, Purpose } from '../../algorithm/random.js';
import type { PolicyFiles } from '../../contracts/engine/engine.js';
import { initialTensor, initialWeights } from '../../policy/model/checkpoint/initialise.js';
import { InvalidCheckpoint } from '../../policy/model/checkpoint/invalid-checkpoint.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import type { ModelConfig } from '../../policy/model/config.js';
import { toHuggingFaceShapes } from '../../policy/model/parameters.js';
import { parameterCount, sizeOf } from '../../policy/model/parameter-list.js';
import type { TensorInput } from '../../store/safetensors/safetensors.js';
import { writeSafetensors } from '../../store/safetensors/file.js';

export interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Left out: 4096. */
  readonly positions?: number;
  /** The head is a matrix of its own. */
  readonly untied?: boolean;
  /** How the weights are stored; left out: F32. */
  readonly storage?: 'BF16';
}

export const WIDE: Shape = {
  name: '4 x 256',
  layers: 4,
  hidden: 256,
  heads: 4,
  kvHeads: 2,
  feedForward: 768,
  vocabulary: 512,
};
/** The shipped model's shape. */
export const NARROW: Shape = {
  name: '4 x 128',
  layers: 4,
  hidden: 128,
  heads: 4,
  kvHeads: 2,
  feedForward: 384,
  vocabulary: 64,
};
/** Qwen2.5-0.5B's shape. */
export const HALF_BILLION: Shape = {
  name: '0.5B',
  layers: 24,
  hidden: 896,
  heads: 14,
  kvHeads: 2,
  feedForward: 4864,
  vocabulary: 151_936,
  positions: 32_768,
};
/** DeepSeek-R1-Distill-Qwen-1.5B's shape and storage. */
export const BILLION_AND_A_HALF: Shape = {
  name: '1.5B',
  layers: 28,
  hidden: 1536,
  heads: 12,
  kvHeads: 2,
  feedForward: 8960,
  vocabulary: 151_936,
  positions: 32_768,
  untied: true,
  storage: 'BF16',
};
/** For a process to have done the work once before its memory is measured. */
export const TOY: Shape = { name: 'toy', layers: 1, hidden: 32, heads: 2, kvHeads: 1, feedForward: 64, vocabulary: 16 };

export interface RandomModel {
  readonly shape: Shape;
  readonly directory: string;
  readonly policy: PolicyFiles;
}

/** Calls `work` with the models in a temporary folder and removes it. */
export async function withModels<Result>(
  shapes: readonly Shape[],
  work: (...models: RandomModel[]) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-bench-'));
  try {
    return await work(...(await Promise.all(shapes.map((shape) => writeModel(shape, join(folder, shape.name))))));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function writeModel(shape: Shape, directory: string): Promise<RandomModel> {
  const config = {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    vocab_size: shape.vocabulary,
    hidden_size: shape.hidden,
    intermediate_size: shape.feedForward,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    num_key_value_heads: shape.kvHeads,
    hidden_act: 'silu',
    max_position_embeddings: shape.positions ?? 4096,
    rope_theta: 10000,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: !shape.untied,
    use_sliding_window: false,
    bos_token_id: null,
    eos_token_id: null,
    torch_dtype: shape.storage === 'BF16' ? 'bfloat16' : 'float32',
  };
  const parsed = parseModelConfig(config);
  if ('problems' in parsed) throw new InvalidCheckpoint(directory, parsed.problems);
  const weights = join(directory, 'model.safetensors');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  const tensors =
    parameterCount(parsed.config) > POOL_SIZE ? pooledWeights(parsed.config, shape) : initialWeights(parsed.config, 0);
  await writeSafetensors(weights, tensors, { format: 'pt' });
  return { shape, directory, policy: { id: `random ${shape.name}`, config, weights: [weights] } };
}

/** Numbers drawn for a large model, which is made of them again and again: to draw all would take minutes. */
const POOL_SIZE = 2 ** 23;

/** Matrices as in `initialise.ts`, though with numbers that recur. */
function pooledWeights(config: ModelConfig, { storage }: Shape): Record<string, TensorInput> {
  const pool = initialTensor('pool.weight', [POOL_SIZE], 0);
  const stored = storage === 'BF16' ? upperHalves(pool) : pool;
  const ones = storage === 'BF16' ? upperHalves(Float32Array.of(1)) : Float32Array.of(1);
  let start = 0;
  const tensors = [...toHuggingFaceShapes(config)].map(([name, shape]): [string, TensorInput] => {
    const size = sizeOf(shape);
    const first = (start = (start + 7919) % POOL_SIZE);
    const data = (): Float32Array | Uint16Array => {
      const values = storage === 'BF16' ? new Uint16Array(size) : new Float32Array(size);
      if (name.endsWith('norm.weight')) return values.fill(ones[0]);
      if (name.endsWith('.bias')) return values;
      for (let done = 0; done < size;) {
        const from = (first + done) % POOL_SIZE;
        const part = stored.subarray(from, Math.min(POOL_SIZE, from + size - done));
        values.set(part, done);
        done += part.length;
      }
      return values;
    };
    return [name, { shape, dtype: storage ?? 'F32', data }];
  });
  return Object.fromEntries(tensors);
}

/** bfloat16, cut off. */
function upperHalves(values: Float32Array): Uint16Array {
  return new Uint16Array(values.buffer).filter((_, i) => i % 2 === 1);
}

/** `rows` rows of `length` tokens, other ones for each `round`. */
export function randomTokens(shape: Shape, rows: number, length: number, round: number): number[][] {
  const stream = openStream(round, Purpose.task, [rows, length]);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length }, (_, t) => integerAt(stream, row * length + t, shape.vocabulary)),
  );
}
