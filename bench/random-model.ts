/** Models of given shapes with random weights, as a Hugging Face folder that ours and the peers open alike. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStream, integerAt, Purpose } from '../algorithm/random.js';
import type { PolicyFiles } from '../contracts/engine.js';
import { initialWeights } from '../policy/checkpoint/initialise.js';
import { InvalidCheckpoint } from '../policy/checkpoint/invalid-checkpoint.js';
import { parseModelConfig } from '../policy/checkpoint/model-config.js';
import { encodeSafetensors } from '../store/safetensors.js';

export interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
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
    max_position_embeddings: 4096,
    rope_theta: 10000,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    use_sliding_window: false,
    bos_token_id: null,
    eos_token_id: null,
    torch_dtype: 'float32',
  };
  const parsed = parseModelConfig(config);
  if ('problems' in parsed) throw new InvalidCheckpoint(directory, parsed.problems);
  const weights = join(directory, 'model.safetensors');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  await writeFile(weights, encodeSafetensors(initialWeights(parsed.config, 0), { format: 'pt' }));
  return { shape, directory, policy: { id: `random ${shape.name}`, config, weights: [weights] } };
}

/** `rows` rows of `length` tokens, other ones for each `round`. */
export function randomTokens(shape: Shape, rows: number, length: number, round: number): number[][] {
  const stream = openStream(round, Purpose.task, [rows, length]);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length }, (_, t) => integerAt(stream, row * length + t, shape.vocabulary)),
  );
}
