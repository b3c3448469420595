/**
 * Variant of ADS (algorithm.md 4.4; the paper's ablation): draw more responses than needed and keep those with the highest attention.
 * Authors' code, where the paper is silent: both classes are kept in balance.
 * **Ours:** for odd n the best of those left over takes the last place; ties go to the earlier response.
 */

/**
 * Indices of the `kept` responses to keep, ascending; all when there are not more.
 * @param influence per response, FCI over its response steps; its score is the maximum
 */
export function keepBest(correct: readonly boolean[], influence: readonly ArrayLike<number>[], kept: number): number[] {
  const scores = influence.map((steps) => Array.from(steps).reduce((most, value) => Math.max(most, value), 0));
  const ranked = scores.map((_, response) => response).sort((a, b) => scores[b] - scores[a] || a - b);
  const right = ranked.filter((response) => correct[response]);
  const wrong = ranked.filter((response) => !correct[response]);
  const share = Math.floor(kept / 2);
  const balanced = [...right.slice(0, share), ...wrong.slice(0, share)];
  const rest = ranked.filter((response) => !balanced.includes(response));
  return [...balanced, ...rest].slice(0, kept).sort((a, b) => a - b);
}
