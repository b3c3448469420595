import { readArtifact } from '../store/formats/artifacts.js';
import { targetRows, type BatchSizeSettings } from '../algorithm/batch-size.js';
import { keepBest } from '../algorithm/keep-best.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { InitialBatch } from '../contracts/protocol/run.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { StoredProblem } from '../store/formats/documents.js';
import { type StoredRollout } from '../store/formats/rollouts.js';
import { type StoredScore } from '../store/formats/scores.js';

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

/** Reads a whole batch. Where more responses were drawn than are kept, only the best by attention are returned (algorithm.md 4.4). */
export async function readBatch(
  store: ArtifactStore,
  batch: Pick<InitialBatch, 'problems' | 'responses' | 'verdicts' | 'scores'>,
  { sampling, adaptiveSampling }: RunConfig,
): Promise<BatchProblem[]> {
  const { problems } = await readArtifact(store, batch.problems);
  const rollouts = await readArtifact(store, batch.responses);
  const { verdicts } = await readArtifact(store, batch.verdicts);
  const scores = await readArtifact(store, batch.scores);
  const responses = problems.map((): BatchResponse[] => []);
  rollouts.forEach((rollout, i) => {
    responses[rollout.problem].push({ rollout, correct: verdicts[i].reward === 1, score: scores[i] });
  });
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
