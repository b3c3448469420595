/** Which models are handled as large ones: what is fastest for small ones would take too much memory. */
import type { SessionSettings } from '../onnx/runtime.js';
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

/** Of large weights, those that generation packs nevertheless, all into one session: a token of few rows takes half the time. */
const MOST_PACKED_ONCE = 1e9;

/**
 * A large model's generation has its weights packed into one session for all kinds of runs. That is a copy besides the one
 * that scoring takes as inputs. By the model and not by the machine, since packed products have other bits. Other devices
 * hold constants as they like.
 */
export function packsOnce(
  config: ModelConfig,
  { provider = 'cpu', weights = 'fp32' }: Pick<SessionSettings, 'provider' | 'weights'>,
): boolean {
  const fits = config.large ?? parameterCount(config) <= MOST_PACKED_ONCE;
  return hasLargeWeights(config) && fits && provider === 'cpu' && weights === 'fp32';
}

/** Logits are computed for some tokens at a time. */
export function hasLargeVocabulary({ vocabSize, large }: ModelConfig): boolean {
  return large ?? vocabSize > LARGEST_WHOLE_VOCABULARY;
}

/** The update is computed piece by piece, and the moments are in a file. */
export function isLearntInPieces(config: ModelConfig): boolean {
  return hasLargeWeights(config) || hasLargeVocabulary(config);
}
