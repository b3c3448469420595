/** Which models are handled as large ones: what is fastest for small ones would take too much memory. */
import { LIMITS } from '../limits.js';
import type { ModelConfig } from './config.js';
import { parameterCount } from './parameters.js';

/** Weights are bound to the sessions, which share them, and not packed into each. */
export function hasLargeWeights(config: ModelConfig): boolean {
  return parameterCount(config) > (config.limits ?? LIMITS.model).packedParameters;
}

/** Logits are computed for some tokens at a time. */
export function hasLargeVocabulary({ vocabSize, limits = LIMITS.model }: ModelConfig): boolean {
  return vocabSize > limits.wholeVocabulary;
}

/** The update is computed piece by piece, and the moments are in a file. */
export function isLearntInPieces(config: ModelConfig): boolean {
  return hasLargeWeights(config) || hasLargeVocabulary(config);
}
