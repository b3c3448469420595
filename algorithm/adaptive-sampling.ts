/**
 * Adaptive sampling, ADS (algorithm.md 4.1): which problems are branched, and how many of their responses.
 *
 * Paper (section 3.4): hard problems get more branches, ceil(n exp(-z)); problems that are always solved stay only while
 * their attention shows more influence than the average such problem.
 * Authors' code, where the paper is silent: the average runs over all problems ever seen, the current batch included before
 * comparing; which responses are branched.
 * **Ours:** the running means are exact (exact-sum.ts). Left out: nothing; 4.2 is in update-filter.ts, 4.3 in batch-size.ts, 4.4
 * in keep-best.ts.
 */

import { exceeds, plus, roundSum, sumExactly } from './exact-sum.js';
import type { ExactSum } from './exact-sum.js';
import { sampleWithoutReplacement } from './random.js';
import type { RandomStream } from './random.js';

/** Cumulative mean of all values ever added. */
export interface RunningMean {
  readonly count: number;
  readonly sum: ExactSum;
}

/** What ADS carries from batch to batch; a few numbers. */
export interface InfluenceMeans {
  /** Over problems whose responses were all correct: the mu of the drop rule. */
  readonly allCorrect: RunningMean;
  /** Over problems whose responses were all wrong: a metric. */
  readonly allWrong: RunningMean;
}

export const NO_MEAN: RunningMean = { count: 0, sum: [] };
export const NO_INFLUENCE_MEANS: InfluenceMeans = { allCorrect: NO_MEAN, allWrong: NO_MEAN };

/** The initial responses of one problem, in sampling order, at least one. */
export interface ScoredProblem {
  readonly correct: readonly boolean[];
  /** FCI of each response over its T response steps, zeroed ones included. */
  readonly influence: readonly ArrayLike<number>[];
}

export interface BranchSelection {
  /** Mean influence of the problem. */
  readonly phi: number;
  /** No branches and no training. */
  readonly dropped: boolean;
  /** Responses to branch for certain, ascending. */
  readonly mustBranch: readonly number[];
  /** How many more are drawn at random without replacement… */
  readonly fillCount: number;
  /** …from these, ascending; empty when fillCount is 0. */
  readonly fillFrom: readonly number[];
}

/**
 * Responses to branch of n when `correct` of them are correct: ceil(n exp(-z)).
 * V8 computes Math.exp in software, so every machine, and a workflow's replay, gets the same count.
 */
export function branchCount(n: number, correct: number): number {
  return Math.ceil(n * Math.exp(-correct / n));
}

/** phi: mean over responses of the mean influence over all their steps (0 for a response without steps). */
export function meanInfluence(influence: readonly ArrayLike<number>[]): number {
  const means = influence.map((steps) => (steps.length === 0 ? 0 : sumExactly(Array.from(steps)) / steps.length));
  return sumExactly(means) / means.length;
}

export function addToMean(mean: RunningMean, values: readonly number[]): RunningMean {
  return { count: mean.count + values.length, sum: values.reduce(plus, mean.sum) };
}

/** null when nothing was added yet. */
export function meanOf({ count, sum }: RunningMean): number | null {
  return count === 0 ? null : roundSum(sum) / count;
}

/** algorithm.md 4.1 for one batch: the selection of each problem, and the means after the batch. */
export function selectForBranching(
  batch: readonly ScoredProblem[],
  before: InfluenceMeans,
): { selections: BranchSelection[]; means: InfluenceMeans } {
  const problems = batch.map(({ correct, influence }) => ({ correct, phi: meanInfluence(influence) }));
  const phiWhere = (value: boolean): number[] =>
    problems.filter(({ correct }) => correct.every((verdict) => verdict === value)).map(({ phi }) => phi);
  const means: InfluenceMeans = {
    allCorrect: addToMean(before.allCorrect, phiWhere(true)),
    allWrong: addToMean(before.allWrong, phiWhere(false)),
  };
  return { selections: problems.map(({ correct, phi }) => selectResponses(correct, phi, means.allCorrect)), means };
}

/** The responses to branch, ascending: the certain ones and the drawn ones. */
export function drawSelection({ mustBranch, fillFrom, fillCount }: BranchSelection, stream: RandomStream): number[] {
  return [...mustBranch, ...sampleWithoutReplacement(fillFrom, fillCount, stream)].sort((a, b) => a - b);
}

function selectResponses(correct: readonly boolean[], phi: number, mu: RunningMean): BranchSelection {
  const indicesOf = (value: boolean): number[] => correct.flatMap((verdict, i) => (verdict === value ? [i] : []));
  const right = indicesOf(true);
  const wrong = indicesOf(false);
  const count = branchCount(correct.length, right.length);
  if (wrong.length === 0) {
    const dropped = !exceeds(phi, mu.count, mu.sum);
    return { phi, dropped, mustBranch: dropped ? [] : right.slice(0, count), fillCount: 0, fillFrom: [] };
  }
  const [minority, majority] = right.length >= wrong.length ? [wrong, right] : [right, wrong];
  if (minority.length === 0) return { phi, dropped: false, mustBranch: majority, fillCount: 0, fillFrom: [] };
  const fillCount = count - minority.length;
  return { phi, dropped: false, mustBranch: minority, fillCount, fillFrom: fillCount === 0 ? [] : majority };
}
