/** How the decode graph draws one token of each row. Axes: R rows, V words. */
import type { Graph, Value } from '../graph.js';
import { gatherElements, softmax, squeeze, unsqueeze } from '../operators.js';
import { cumulative } from './cumulative.js';
import { boundOf, kept, type Truncation } from './truncation.js';

/**
 * Inverse of the cumulative distribution: the number of ids whose cumulative probability is below the uniform number.
 * @param scaled logits over temperature, [R, V]
 * @param uniform [R]
 * @param block see `cumulative`
 * @param truncation of rows that have top-k or top-p; left out: none has
 * @returns ids int64 [R], and their probabilities at the row's temperature [R]. The logarithm is taken outside: vectorised
 * ones give other bits at the end of a row of numbers than within it.
 */
export function draw(
  g: Graph,
  scaled: Value,
  uniform: Value,
  block?: number,
  truncation?: Truncation,
): [token: Value, probability: Value] {
  const p = softmax(g, scaled);
  const u = unsqueeze(g, uniform, 1); // [R, 1]
  const sums = cumulative(g, truncation ? kept(g, p, truncation) : p, block);
  const token = sums.below(truncation ? boundOf(g, u, sums.total(), truncation) : u);
  return [token, squeeze(g, gatherElements(g, p, unsqueeze(g, token, 1)), 1)];
}
