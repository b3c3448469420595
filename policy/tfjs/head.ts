/**
 * From the last hidden states to log-probs, and at once to the gradients that the loss has by them. A token's slope needs
 * only its own log-prob, so that logits are there for some tokens at a time, and once.
 */
import type { MicroBatch } from '../training/micro-batches.js';
import type { ModelConfig } from '../model/config.js';
import type { Parameters } from './layers.js';
import {
  add,
  concat,
  constant,
  crossEntropy,
  floats,
  gather,
  int32s,
  matMul,
  mul,
  oneHot,
  rows,
  sub,
  sumFirst,
  sumLast,
} from './operators.js';
import { inverseRms, rmsNormGradient } from './rms-norm.js';
import type { Tensor, TensorFlow } from './device.js';

/** Of the trained tokens of a micro-batch, [N] each, in its order. */
export interface TokenResults {
  readonly logProbs: Float32Array;
  /** Nats. */
  readonly entropies: Float32Array;
}

/** d loss / d logProb of the tokens from `from` on, given their log-probs; undefined: no gradient is wanted. */
export type Slopes = ((logProbs: Float32Array, from: number) => Float32Array) | undefined;

/**
 * @param x last hidden states, [T, hidden]
 * @param logitsAtATime tokens * vocabulary, of one token at least
 * @param results to be filled
 * @returns the loss's gradient by x, where it is wanted
 */
export function head(
  tf: TensorFlow,
  config: ModelConfig,
  { weights, gradients }: Parameters,
  { feeds, trained }: MicroBatch,
  temperature: number,
  slopes: Slopes,
  logitsAtATime: number,
  results: TokenResults,
  x: Tensor,
): Tensor | undefined {
  const count = trained.length;
  const [predecessors, labels] = [feeds.predecessors, feeds.labels].map((feed) => asInt32(feed.data as BigInt64Array));
  const matrix = config.tiedHead ? 'embedding' : 'head';
  const step = Math.max(1, Math.floor(logitsAtATime / config.vocabSize));

  /** Gradient of `h` [n, hidden], normalised and scaled, from token `from` on. */
  const part = (h: Tensor, from: number): Tensor | undefined => {
    const n = h.shape[0];
    const weight = weights.read(matrix);
    const logits = matMul(tf, h, weight, { transB: config.tiedHead });
    const [loss, towards] = crossEntropy(tf, logits, int32s(tf, labels.subarray(from, from + n), [n]));
    const logProbs = (loss.dataSync() as Float32Array).map((value) => -value);
    results.logProbs.set(logProbs, from);
    // loss - sum of (p - oneHot) logits = log sum exp logits - sum of p logits
    const entropies = sub(tf, loss, sumLast(tf, mul(tf, towards, logits)));
    results.entropies.set(entropies.dataSync(), from);
    if (!slopes) return undefined;
    const minusSlopes = slopes(logProbs, from).map((slope) => -slope);
    const dLogits = mul(tf, towards, floats(tf, minusSlopes, [n, 1]));
    gradients.add(
      matrix,
      config.tiedHead ? matMul(tf, dLogits, h, { transA: true }) : matMul(tf, h, dLogits, { transA: true }),
    );
    return matMul(tf, dLogits, weight, { transB: !config.tiedHead });
  };

  const last = gather(tf, x, int32s(tf, predecessors, [count]));
  const inverse = inverseRms(tf, last, config.rmsNormEps);
  const n = mul(tf, last, inverse);
  const scale = mul(tf, weights.read('finalNorm'), constant(tf, 1 / temperature));
  const h = mul(tf, n, scale);
  const parts: Tensor[] = [];
  for (let from = 0; from < count; from += step) {
    const gradient = tf.tidy(() => part(rows(tf, h, from, Math.min(step, count - from)), from));
    if (gradient) parts.push(gradient);
  }
  if (parts.length === 0) return undefined;
  const dh = concat(tf, parts, 0);
  gradients.add('finalNorm', mul(tf, sumFirst(tf, mul(tf, dh, n)), constant(tf, 1 / temperature)));
  return spread(tf, rmsNormGradient(tf, n, inverse, mul(tf, dh, scale)), feeds);
}

/**
 * Gradients of the trained tokens' predecessors [N, hidden] -> of all tokens [T, hidden]. The gradient of a token's first
 * successor is gathered and those of the few others are summed by a product with 0s and 1s: always in the same order.
 */
function spread(tf: TensorFlow, dLast: Tensor, feeds: MicroBatch['feeds']): Tensor {
  const [count, hidden] = dLast.shape;
  const [successors, laterSiblings] = [feeds.successors, feeds.laterSiblings].map((feed) =>
    asInt32(feed.data as BigInt64Array),
  );
  const none = floats(tf, new Float32Array(hidden), [1, hidden]);
  const first = gather(tf, concat(tf, [dLast, none], 0), int32s(tf, successors, [successors.length]));
  const others = laterSiblings.length;
  if (others === 0) return first;
  const belongs = oneHot(tf, int32s(tf, laterSiblings, [others]), successors.length); // [E, T]
  return add(tf, first, matMul(tf, belongs, rows(tf, dLast, count - others, others), { transA: true }));
}

export const asInt32 = (values: BigInt64Array): Int32Array => Int32Array.from(values, Number);
