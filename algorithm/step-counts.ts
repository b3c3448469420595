/**
 * How the responses of a batch fell into steps: whether attention has a say in where they are branched.
 *
 * Paper and authors' code: nothing. Their model writes hundreds of steps; one that writes fewer than Delta + 2 has no influence in
 * any of them, and is branched at its earliest ones.
 */
import type { CutBy } from './steps.js';

/** Of so many responses; sums over batches are those of the whole. */
export interface StepCounts {
  /** Of all responses together. */
  readonly steps: number;
  /** Responses whose every FCI is 0. */
  readonly withoutInfluence: number;
  /** Responses by what they were cut at. */
  readonly cutBy: Readonly<Record<CutBy, number>>;
}

/** The same per response: a mean, and shares in [0, 1]. */
export interface StepMetrics {
  /** Mean steps of a response. */
  readonly perResponse: number;
  readonly withoutInfluence: number;
  readonly cutBy: Readonly<Record<CutBy, number>>;
}

/** A response's cut, and the FCI of its T steps. */
export interface CutResponse {
  readonly cutBy: CutBy;
  readonly influence: ArrayLike<number>;
}

export function hasInfluence({ influence }: Pick<CutResponse, 'influence'>): boolean {
  return Array.from(influence).some((value) => value > 0);
}

export function countSteps(responses: readonly CutResponse[]): StepCounts {
  const cutBy = { 'blank-line': 0, line: 0, sentence: 0, token: 0 };
  for (const response of responses) cutBy[response.cutBy] += 1;
  return {
    steps: responses.reduce((sum, { influence }) => sum + influence.length, 0),
    withoutInfluence: responses.filter((response) => !hasInfluence(response)).length,
    cutBy,
  };
}

export function addStepCounts(a: StepCounts, b: StepCounts): StepCounts {
  return {
    steps: a.steps + b.steps,
    withoutInfluence: a.withoutInfluence + b.withoutInfluence,
    cutBy: mapCuts((by) => a.cutBy[by] + b.cutBy[by]),
  };
}

/** @param responses that were counted, at least one */
export function stepMetrics({ steps, withoutInfluence, cutBy }: StepCounts, responses: number): StepMetrics {
  return {
    perResponse: steps / responses,
    withoutInfluence: withoutInfluence / responses,
    cutBy: mapCuts((by) => cutBy[by] / responses),
  };
}

function mapCuts(value: (by: CutBy) => number): Record<CutBy, number> {
  return {
    'blank-line': value('blank-line'),
    line: value('line'),
    sentence: value('sentence'),
    token: value('token'),
  };
}
