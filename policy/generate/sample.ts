/** How the decode graph draws one token of each row. Axes: R rows, V words, K places of a chunk. */
import type { Graph, Value } from '../onnx/graph.js';
import { cast, cumSum, gatherElements, less, min, reduceSum, softmax, squeeze, unsqueeze } from '../onnx/operators.js';
import { truncated, type Truncation } from './truncation.js';

export interface Drawn {
  /** int64 [R] */
  readonly token: Value;
  /** [R], at the row's temperature. The logarithm is taken outside: vectorised ones give other bits at the end of a row of numbers than within it. */
  readonly probability: Value;
}

/**
 * Inverse of the cumulative distribution: the number of ids whose cumulative probability is below the uniform number.
 * @param scaled logits over temperature, [R, V]
 * @param uniform [R]
 * @param truncation of rows that have top-k or top-p; left out: none has
 */
export function draw(g: Graph, scaled: Value, uniform: Value, truncation?: Truncation): Drawn {
  const p = softmax(g, scaled); // [R, V]
  const u = unsqueeze(g, uniform, 1); // [R, 1]
  const { cumulative, bound } = truncation ? truncated(g, p, u, truncation) : { cumulative: cumSum(g, p, 1), bound: u };
  const below = cast(g, less(g, cumulative, bound), 'int32');
  const words = scaled.shape[1] as number;
  const token = cast(g, min(g, reduceSum(g, below, [1]), g.int32(words - 1)), 'int64');
  return { token, probability: squeeze(g, gatherElements(g, p, unsqueeze(g, token, 1)), 1) };
}
