/** Which models are handled as large ones: what is fastest for small ones would take too much memory. */
import type { ModelConfig } from './config.js';
import { parameterCount } from './parameters.js';

/** Every session that packs weights into itself holds them once more. */
const MOST_PACKED_PARAMETERS = 64e6;
/** Logits of 2,048 tokens are 128 MiB of each float per token and word. */
const LARGEST_WHOLE_VOCABULARY = 16_384;

/** Weights are bound to the sessions, which share them, and not packed into each. */
export function hasLargeWeights(config: ModelConfig): boolean {
  return config.large ?? parameterCount(config) > MOST_PACKED_PARAMETERS;
}

/** Logits are computed for some tokens at a time. */
export function hasLargeVocabulary({ vocabSize, large }: ModelConfig): boolean {
  return large ?? vocabSize > LARGEST_WHOLE_VOCABULARY;
}

/** The update is computed piece by piece, and the moments are in a file. */
export function isLearntInPieces(config: ModelConfig): boolean {
  return hasLargeWeights(config) || hasLargeVocabulary(config);
}
