/** How much of a large model's forward pass is kept for the backward pass, by the memory that the learner may use. */
import type { SegmentLimits } from '../../../limits.js';
import { type ModelConfig, qkvSize } from '../../../model/config.js';
import { parameterCount } from '../../../model/parameter-list.js';

const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT;
/** Matrices of logits that the head's graph holds at a time. */
const LOGITS_HELD = 5;
/** Matrices [tokens, intermediate] that a piece's graph holds at a time, with its operands. */
const EXPANDED_HELD = 12;

export interface UpdateMemory {
  /** Weights, gradient, and weights of the reference, if there is one. */
  readonly model: number;
  /** What each layer keeps in any case: its input and what its attention found. */
  readonly kept: number;
  /** What one layer may keep besides. */
  readonly inner: number;
  /** Logits and one piece's activations. */
  readonly pieces: number;
}

/** Bytes of an update whose micro-batches have at most `tokens` tokens. */
export function updateMemory(
  config: ModelConfig,
  limits: SegmentLimits,
  tokens: number,
  hasReference: boolean,
): UpdateMemory {
  const { layers, hiddenSize, heads, headSize, intermediateSize } = config;
  const rows = Math.min(tokens, limits.tokens);
  const logits = Math.min(limits.logits, tokens * config.vocabSize);
  return {
    model: (hasReference ? 3 : 2) * parameterCount(config) * FLOAT_BYTES,
    kept: layers * tokens * (hiddenSize + heads * headSize) * FLOAT_BYTES,
    inner: tokens * (qkvSize(config) + hiddenSize + 2 * intermediateSize) * FLOAT_BYTES,
    pieces: (LOGITS_HELD * logits + EXPANDED_HELD * rows * intermediateSize) * FLOAT_BYTES,
  };
}

/** Layers of which all is kept. @param memory bytes that the learner may use */
export function layersKept(
  config: ModelConfig,
  limits: SegmentLimits,
  tokens: number,
  hasReference: boolean,
  memory: number,
): number {
  const { model, kept, inner, pieces } = updateMemory(config, limits, tokens, hasReference);
  const left = memory - model - kept - pieces;
  return Math.min(config.layers, Math.max(0, Math.floor(left / inner)));
}
