import type { ModelLimits } from '../limits.js';
import type { RopeScaling } from './rope-frequencies.js';

/** Shape of a dense model of the Qwen2, Qwen3 or Llama family, from the keys of Hugging Face's config.json. */
export interface ModelConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly ropeTheta: number;
  readonly ropeScaling?: RopeScaling;
  readonly rmsNormEps: number;
  readonly maxPositions: number;
  /** Queries, keys and values have a bias (Qwen2). */
  readonly qkvBias: boolean;
  /** Each head of the queries and keys is normalised before it is rotated (Qwen3). */
  readonly qkNorm: boolean;
  /** The output head is the transposed embedding. */
  readonly tiedHead: boolean;
  /** From which size on it is handled as a large model (`large.ts`), which weights in memory are laid out by; left out: `LIMITS`. */
  readonly limits?: ModelLimits;
}

/** Query heads that share one key/value head. */
export const groupSize = ({ heads, kvHeads }: ModelConfig): number => heads / kvHeads;

/** Width of the fused query, key and value projection. */
export const qkvSize = ({ heads, kvHeads, headSize }: ModelConfig): number => (heads + 2 * kvHeads) * headSize;

/** Factor on query-key products. */
export const attentionScale = ({ headSize }: ModelConfig): number => 1 / Math.sqrt(headSize);
