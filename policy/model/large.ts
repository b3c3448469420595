/** Which models are handled as large ones: what is fastest for small ones would take too much memory. */
import { LIMITS, type ProcessLimits } from '../limits.js';
import type { SessionSettings } from '../onnx/runtime.js';
import type { ModelConfig } from './config.js';
import { parameterCount } from './parameter-list.js';

/** Weights are bound to the sessions, which share them, and not packed into each. */
export function hasLargeWeights(config: ModelConfig): boolean {
  return parameterCount(config) > (config.limits ?? LIMITS.model).packedParameters;
}

/**
 * A large model's generation has its weights packed into one session for all kinds of runs. That is a copy besides the one
 * that scoring takes as inputs. By the model and not by the machine, since packed products have other bits. Other devices
 * hold constants as they like.
 */
export function packsOnce(
  config: ModelConfig,
  { provider = 'cpu', weights = 'fp32' }: Pick<SessionSettings, 'provider' | 'weights'>,
): boolean {
  const fits = parameterCount(config) <= (config.limits ?? LIMITS.model).packedOnceParameters;
  return hasLargeWeights(config) && fits && provider === 'cpu' && weights === 'fp32';
}

/** How often an engine that generates and scores holds the weights; of a small model, whose sessions all pack them, at least. */
export function copiesOfWeights(config: ModelConfig, settings: Pick<SessionSettings, 'provider' | 'weights'>): number {
  return packsOnce(config, settings) ? 2 : 1;
}

/** Policies of one model that an engine keeps loaded: at least the one in use. */
export function policiesKept(
  config: ModelConfig,
  settings: Pick<SessionSettings, 'provider' | 'weights'>,
  { keptPolicies, keptPolicyBytes }: Pick<ProcessLimits, 'keptPolicies' | 'keptPolicyBytes'>,
): number {
  const bytes = 4 * parameterCount(config) * copiesOfWeights(config, settings);
  return Math.max(1, Math.min(keptPolicies, Math.floor(keptPolicyBytes / bytes)));
}

/** Logits are computed for some tokens at a time. */
export function hasLargeVocabulary({ vocabSize, limits = LIMITS.model }: ModelConfig): boolean {
  return vocabSize > limits.wholeVocabulary;
}

/** The update is computed piece by piece, and the moments are in a file. */
export function isLearntInPieces(config: ModelConfig): boolean {
  return hasLargeWeights(config) || hasLargeVocabulary(config);
}
