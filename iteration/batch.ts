/** The initial responses of an iteration, by problem. */
import { targetRows, type BatchSizeSettings } from '../algorithm/batch-size.js';
import { keepBest } from '../algorithm/keep-best.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { StoredProblem } from '../contracts/artifacts/documents.js';
import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import type { StoredScore } from '../contracts/artifacts/stored-score.js';
import type { JoinedRollout } from './join.js';

/** A problem of a batch with the initial responses that count, in sampling order. */
export interface BatchProblem extends StoredProblem {
  /** Place in the draw. */
  readonly place: number;
  readonly responses: readonly BatchResponse[];
}

export interface BatchResponse {
  readonly rollout: StoredRollout;
  readonly correct: boolean;
  readonly score: StoredScore;
}

/**
 * Problems with their responses, in the order of the draw. Where more responses were drawn than are kept, only the best by
 * attention (algorithm.md 4.4).
 * @throws RangeError for a response of a problem that was not drawn
 */
export function batchOf(
  problems: readonly StoredProblem[],
  rollouts: readonly JoinedRollout[],
  { sampling, adaptiveSampling }: RunConfig,
): BatchProblem[] {
  const responses = problems.map((): BatchResponse[] => []);
  for (const { rollout, verdict, score } of rollouts) {
    const own = responses[rollout.problem] as BatchResponse[] | undefined;
    if (!own) throw new RangeError(`a response to problem ${rollout.problem} of a draw of ${problems.length}`);
    own.push({ rollout, correct: verdict.reward === 1, score });
  }
  return problems.map((problem, place) => {
    const drawn = responses[place];
    const kept = adaptiveSampling.responsesDrawn > sampling.responsesPerProblem;
    return { ...problem, place, responses: kept ? best(drawn, sampling.responsesPerProblem) : drawn };
  });
}

function best(drawn: readonly BatchResponse[], count: number): BatchResponse[] {
  const kept = keepBest(
    drawn.map(({ correct }) => correct),
    drawn.map(({ score }) => score.influence),
    count,
  );
  return kept.map((i) => drawn[i]);
}

/** How the next draw is sized (algorithm.md 4.3). */
export function batchSizeSettings(
  { sampling, branching, adaptiveSampling }: RunConfig,
  dataSetSize: number,
): BatchSizeSettings {
  return {
    targetRows: targetRows(
      sampling.problemsPerIteration,
      sampling.responsesPerProblem,
      branching.pointsPerResponse,
      branching.rolloutsPerPoint,
    ),
    lambda: adaptiveSampling.lambda,
    maxProblems: adaptiveSampling.maxProblemsPerIteration,
    dataSetSize,
  };
}
