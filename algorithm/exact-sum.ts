/**
 * Sums of doubles without rounding (Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997; as in Python's fsum): a
 * sum is a few non-overlapping doubles. So a mean does not depend on the order in which problems finished, and "strictly
 * above the mean" (algorithm.md 4.1) is decided exactly, also for ties.
 */

/** Non-overlapping, ascending in magnitude; their exact sum is the value. Empty is 0. */
export type ExactSum = readonly number[];

/** The sum with one more finite term. */
export function plus(sum: ExactSum, term: number): ExactSum {
  const parts: number[] = [];
  let carry = term;
  for (const part of sum) {
    const [large, small] = Math.abs(carry) < Math.abs(part) ? [part, carry] : [carry, part];
    carry = large + small;
    const lost = small - (carry - large);
    if (lost !== 0) parts.push(lost);
  }
  return [...parts, carry];
}

/** The double nearest to the exact sum, ties to even; its sign is that of the sum. */
export function roundSum(sum: ExactSum): number {
  let total = 0;
  let lost = 0;
  let next = sum.length - 1;
  for (; next >= 0 && lost === 0; next -= 1) {
    const before = total;
    total = before + sum[next];
    lost = sum[next] - (total - before);
  }
  // `lost` may be exactly half a unit: the parts below it then decide which way the tie goes.
  if (next >= 0 && lost * sum[next] > 0) {
    const up = total + 2 * lost;
    if (up - total === 2 * lost) return up;
  }
  return total;
}

/** The sum of finite terms, the same in any order. */
export function sumExactly(terms: readonly number[]): number {
  return roundSum(terms.reduce(plus, []));
}

/** Whether value * count is greater than the sum, without rounding; 0 <= count < 2^26. */
export function exceeds(value: number, count: number, sum: ExactSum): boolean {
  // Veltkamp's split leaves 26 bits a half, so both products with count are exact.
  const scaled = value * (2 ** 27 + 1);
  const high = scaled - (scaled - value);
  return roundSum(plus(plus(sum, -high * count), -(value - high) * count)) < 0;
}
