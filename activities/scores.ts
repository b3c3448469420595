/** What the two scoring activities have in common. */
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { InferenceEngine, Score, ScoreRequest } from '../contracts/engine.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { beat, cancellable, cancellation } from './beat.js';
import { encodeScores, type StoredScore } from './formats/scores.js';
import { putArrays } from './io.js';

export function scoreWith(engine: InferenceEngine, id: string, requests: readonly ScoreRequest[]): Promise<Score[]> {
  if (requests.length === 0) return Promise.resolve([]);
  return cancellable(
    engine.score(id, requests, {
      onProgress: (progress) => beat({ doing: 'score', ...progress }),
      signal: cancellation(),
    }),
  );
}

export function storeScores(store: ArtifactStore, scores: readonly StoredScore[]): Promise<ArtifactRef> {
  return putArrays(store, 'scores', encodeScores(scores));
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
