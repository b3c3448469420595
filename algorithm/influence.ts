/**
 * Forward context influence, FCI (algorithm.md 2): how much the later steps of a response attend to a step.
 *
 * Paper (section 3, equations 3-5): attention pooled to steps by means, summed over the steps at least Delta = 4 later,
 * maximum over layers and heads.
 * Authors' code, where the paper is silent: the prompt is step 0; prompt, first step and everything from the last `</think>`
 * on are set to zero.
 * Left out: bf16. Three entries, by what the caller has: attention, attention pooled to steps, or the maximum over heads.
 */

import type { StepRange } from './steps.js';

/** The paper's: steps between the attending and the attended one, at least. */
export const DELTA = 4;

export interface InfluenceSettings {
  /** Least distance in steps between the attending and the attended step; the paper's is `DELTA`. */
  readonly delta: number;
  /** Index of the step that holds the last think-end token, or -1. */
  readonly thinkEndStep: number;
}

/**
 * FCI of the K steps (prompt included), each >= 0.
 * @param attention per layer and head, attention probabilities [S, S] row-major: row = query
 * @param stepRanges K ranges of token positions within S
 */
export function influenceFromAttention(
  attention: readonly ArrayLike<number>[],
  stepRanges: readonly StepRange[],
  sequenceLength: number,
  settings: InfluenceSettings,
): Float64Array {
  const pooled = attention.map((head) => poolAttention(head, stepRanges, sequenceLength));
  return influenceFromPooled(pooled, stepRanges.length, settings);
}

/** FCI of K steps from step-to-step attention: per layer and head A [K, K] row-major, row = attending step. */
export function influenceFromPooled(
  pooled: readonly ArrayLike<number>[],
  steps: number,
  settings: InfluenceSettings,
): Float64Array {
  const largest = new Float64Array(steps);
  for (const head of pooled) {
    influenceOfHead(head, steps, settings.delta).forEach((value, k) => {
      if (value > largest[k]) largest[k] = value;
    });
  }
  return zeroOutsideReasoning(largest, settings.thinkEndStep);
}

/** A [K, K] row-major: mean attention from the tokens of step j (row) to the tokens of step k; 0 where a step is empty. */
export function poolAttention(
  attention: ArrayLike<number>,
  stepRanges: readonly StepRange[],
  sequenceLength: number,
): Float64Array {
  const steps = stepRanges.length;
  const pooled = new Float64Array(steps * steps);
  stepRanges.forEach(([queryStart, queryEnd], j) => {
    stepRanges.forEach(([keyStart, keyEnd], k) => {
      const pairs = (queryEnd - queryStart) * (keyEnd - keyStart);
      if (k > j || pairs === 0) return;
      let sum = 0;
      for (let query = queryStart; query < queryEnd; query += 1) {
        for (let key = keyStart; key < keyEnd; key += 1) sum += attention[query * sequenceLength + key];
      }
      pooled[j * steps + k] = sum / pairs;
    });
  });
  return pooled;
}

/** y [K] of one head: y[k] = sum over j >= k + delta of A[j, k]; nothing is zeroed yet. */
export function influenceOfHead(pooled: ArrayLike<number>, steps: number, delta: number): Float64Array {
  const influence = new Float64Array(steps);
  for (let k = 0; k < steps; k += 1) {
    for (let j = k + delta; j < steps; j += 1) influence[k] = influence[k] + pooled[j * steps + k];
  }
  return influence;
}

/** A copy with the prompt, the first step, and everything from the think-end step onward set to zero. */
export function zeroOutsideReasoning(influence: ArrayLike<number>, thinkEndStep: number): Float64Array {
  const zeroed = Float64Array.from(influence);
  zeroed.fill(0, 0, 2);
  if (thinkEndStep >= 0) zeroed.fill(0, thinkEndStep);
  return zeroed;
}
