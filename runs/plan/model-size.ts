/** What a model costs per token, from its shape. */
import type { ModelConfig } from '../../policy/model/config.js';
import { parameters } from '../../policy/model/parameters.js';

export interface ModelSize {
  readonly parameters: number;
  /** Floating-point operations of one token's forward pass, without attention. */
  readonly flopsPerToken: number;
  /** And of its attention, per token that it attends to. */
  readonly flopsPerAttended: number;
  /** Keys and values of one token, in fp32. */
  readonly cacheBytesPerToken: number;
}

export const FLOAT_BYTES = 4;

export function modelSize(config: ModelConfig): ModelSize {
  const { layers, heads, kvHeads, headSize, hiddenSize, vocabSize, tiedHead } = config;
  const sizes = parameters(config).map(({ name, shape }) => ({ name, shape, size: shape.reduce((a, b) => a * b, 1) }));
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  // Every matrix is multiplied with but the embedding, of which one row is read, unless it is also the head.
  const matrices = sizes.filter(({ name, shape }) => shape.length === 2 && name !== 'embedding');
  const multiplied = matrices.reduce((sum, { size }) => sum + size, 0) + (tiedHead ? vocabSize * hiddenSize : 0);
  return {
    parameters: total,
    flopsPerToken: 2 * multiplied,
    flopsPerAttended: 4 * layers * heads * headSize,
    cacheBytesPerToken: 2 * layers * kvHeads * headSize * FLOAT_BYTES,
  };
}
