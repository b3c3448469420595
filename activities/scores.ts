/** What the two scoring activities have in common. */
import { meanInfluence } from '../algorithm/adaptive-sampling.js';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { GenerateProgress, InferenceEngine, Score, ScoreRequest } from '../contracts/engine.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { beat, cancellable, cancellation, type Progress } from './beat.js';
import { encodeScores, type StoredScore } from './formats/scores.js';
import { putArrays } from './io.js';

export function scoreWith(engine: InferenceEngine, id: string, requests: readonly ScoreRequest[]): Promise<Score[]> {
  if (requests.length === 0) return Promise.resolve([]);
  let last: Progress = { doing: 'score', done: 0, total: requests.length };
  const onProgress = (progress: GenerateProgress): void => beat((last = { doing: 'score', ...progress }));
  const onAlive = (): void => beat(last);
  return cancellable(engine.score(id, requests, { onProgress, onAlive, signal: cancellation() }));
}

export function storeScores(store: ArtifactStore, scores: readonly StoredScore[]): Promise<ArtifactRef> {
  return putArrays(store, 'scores', encodeScores(scores));
}

/** Means over responses; null where they were not scored. */
export function scoreMeans(scores: readonly StoredScore[]): {
  readonly meanFci: number | null;
  readonly meanEntropy: number | null;
} {
  const unscored = scores.length > 0 && scores.every(({ logProbs }) => logProbs.length === 0);
  if (unscored) return { meanFci: null, meanEntropy: null };
  return { meanFci: meanInfluence(scores.map(({ influence }) => influence)), meanEntropy: meanEntropy(scores) };
}

/** Nats, over all tokens; 0 without tokens. */
export function meanEntropy(scores: readonly StoredScore[]): number {
  let sum = 0;
  let tokens = 0;
  for (const { entropies } of scores) {
    for (const entropy of entropies) sum += entropy;
    tokens += entropies.length;
  }
  return tokens === 0 ? 0 : sum / tokens;
}
