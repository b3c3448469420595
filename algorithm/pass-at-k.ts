/**
 * pass@k: the chance that at least one of k responses is correct.
 *
 * The paper reports avg@k only. The unbiased estimator from n >= k samples is that of "Evaluating Large Language Models Trained on
 * Code" (arXiv 2107.03374, section 2.1): 1 - C(n - c, k) / C(n, k), as a product, which neither overflows nor cancels.
 */

/**
 * @param samples n
 * @param correct c of them, 0 <= c <= n
 * @param k 1 <= k <= n
 */
export function passAtK(samples: number, correct: number, k: number): number {
  if (!(k >= 1 && k <= samples)) throw new RangeError(`pass@${k} cannot be told from ${samples} samples`);
  if (samples - correct < k) return 1;
  let allWrong = 1;
  for (let i = samples - correct + 1; i <= samples; i++) allWrong *= 1 - k / i;
  return 1 - allWrong;
}
