/** Which models are too large to be learnt by one graph. */
import type { ModelConfig } from '../../qwen2/config.js';
import { parameterCount } from '../../qwen2/parameters.js';

/** One graph holds the weights' gradients and a micro-batch's activations several times over. */
const LARGEST_MODEL = 64e6;
/** Logits of a micro-batch of 2,048 tokens take 4 * 2,048 bytes per word, and their gradient needs them about four times. */
const LARGEST_VOCABULARY = 16_384;

export function isLarge(config: ModelConfig): boolean {
  return config.vocabSize > LARGEST_VOCABULARY || parameterCount(config) > LARGEST_MODEL;
}
