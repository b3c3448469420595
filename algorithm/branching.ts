/**
 * Where a response is branched (algorithm.md 3).
 *
 * Paper (section 3.2): attention-based tree branching, ATB: the steps whose FCI is in the top fifth, the N earliest of them.
 * Authors' code, where the paper is silent: a least distance in tokens, a fall-back when the quantile is zero, a fill from the
 * front when candidates run out, repeats in very short responses.
 * **Ours:** the rank of the quantile is exact. Baseline TreeRL (as the authors compare with it): the N most uncertain tokens.
 * Left out: branching in rounds.
 */

import type { StepRange } from './steps.js';

export interface AttentionBranchingSettings {
  /** N, branch points per response. */
  readonly points: number;
  /** Tokens before the first point, the prompt's too, and between points. */
  readonly minTokenDistance: number;
  /** In [0, 1]; the paper's 0.8. */
  readonly quantile: number;
}

export interface AttentionBranching {
  /** Least FCI of a candidate. */
  readonly threshold: number;
  /** Steps at or above it, first step excluded, ascending. */
  readonly candidates: readonly number[];
  /** The chosen steps in order of choice; a step may repeat. */
  readonly steps: readonly number[];
  /** Starts of the chosen steps relative to the first response token, ascending: the tokens before it are kept. */
  readonly points: readonly number[];
  /** One per point. */
  readonly reasons: readonly BranchReason[];
}

export interface BranchReason {
  /** Index of the chosen step, the prompt left out. */
  readonly step: number;
  /**
   * `influence`: a candidate, distant enough; `front`: candidates ran out, the earliest step not yet chosen;
   * `repeat`: steps ran out.
   */
  readonly why: 'influence' | 'front' | 'repeat';
}

/**
 * Branch points of one response by attention; none for a response of fewer than two steps.
 * @param stepRanges the T response steps (without the prompt), absolute positions
 * @param influence FCI of the same T steps
 */
export function branchByAttention(
  stepRanges: readonly StepRange[],
  influence: ArrayLike<number>,
  promptLength: number,
  settings: AttentionBranchingSettings,
): AttentionBranching {
  if (stepRanges.length !== influence.length) {
    throw new RangeError(`${stepRanges.length} response steps but ${influence.length} influences`);
  }
  const threshold = candidateThreshold(influence, settings.quantile);
  const candidates = stepRanges.map((_, step) => step).filter((step) => step >= 1 && influence[step] >= threshold);
  const kept = keepDistant(candidates, stepRanges, settings);
  const steps = fillFromFront(kept, stepRanges.length, settings.points);
  const chosen = steps
    .map((step, i) => {
      const why = i < kept.length ? 'influence' : steps.indexOf(step) === i ? 'front' : 'repeat';
      return { point: stepRanges[step][0] - promptLength, reason: { step, why } satisfies BranchReason };
    })
    .sort((a, b) => a.point - b.point);
  return {
    threshold,
    candidates,
    steps,
    points: chosen.map(({ point }) => point),
    reasons: chosen.map(({ reason }) => reason),
  };
}

/**
 * TreeRL's branch points: the `points` response tokens of highest entropy, ascending; the last token excluded, ties to the
 * earlier one. Fewer when the response has fewer tokens. The token at the point is sampled anew.
 */
export function branchByEntropy(entropies: ArrayLike<number>, points: number): number[] {
  return Array.from({ length: Math.max(entropies.length - 1, 0) }, (_, token) => token)
    .sort((a, b) => entropies[b] - entropies[a] || a - b)
    .slice(0, points)
    .sort((a, b) => a - b);
}

/**
 * Quantile with linear interpolation, q in [0, 1]; NaN for no values. The rank q (n - 1) is taken as the whole number it stands
 * for when rounding has moved it off (0.8 * 35 gives 28.000000000000004): an order statistic must be one of the values.
 */
export function quantile(values: ArrayLike<number>, q: number): number {
  const ascending = Float64Array.from(values).sort();
  const product = q * (ascending.length - 1);
  const rank = Math.abs(product - Math.round(product)) < 1e-9 ? Math.round(product) : product;
  const below = ascending[Math.floor(rank)] ?? NaN;
  const above = ascending[Math.ceil(rank)] ?? NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}

/** 0 when nothing is positive: then every step is a candidate. */
function candidateThreshold(influence: ArrayLike<number>, q: number): number {
  const positive = Array.from(influence).filter((value) => value > 0);
  if (positive.length === 0) return 0;
  const threshold = quantile(influence, q);
  return threshold > 0 ? threshold : positive.reduce((least, value) => Math.min(least, value));
}

function keepDistant(
  candidates: readonly number[],
  stepRanges: readonly StepRange[],
  { points, minTokenDistance }: AttentionBranchingSettings,
): number[] {
  const kept: number[] = [];
  let earliestStart = minTokenDistance;
  for (const step of candidates) {
    if (kept.length === points) break;
    const [start, end] = stepRanges[step];
    if (start < earliestStart) continue;
    kept.push(step);
    earliestStart = end + minTokenDistance;
  }
  return kept;
}

function fillFromFront(kept: readonly number[], stepCount: number, points: number): number[] {
  const chosen = [...kept];
  if (stepCount < 2) return chosen;
  for (let step = 1; step < stepCount && chosen.length < points; step += 1) if (!kept.includes(step)) chosen.push(step);
  for (let repeat = 0; chosen.length < points; repeat += 1) chosen.push(1 + (repeat % (stepCount - 1)));
  return chosen;
}
