/** What the two scoring activities have in common. */
import { writeArtifact } from '../store/formats/artifacts.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { GenerateProgress, InferenceEngine, Score, ScoreRequest } from '../contracts/engine/engine.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { heartbeat, cancellable, cancellation, type Progress } from '../durability/heartbeat.js';
import { type StoredScore } from '../store/formats/scores.js';

export function scoreWith(engine: InferenceEngine, id: string, requests: readonly ScoreRequest[]): Promise<Score[]> {
  if (requests.length === 0) return Promise.resolve([]);
  let last: Progress = { doing: 'score', done: 0, total: requests.length };
  const onProgress = (progress: GenerateProgress): void => heartbeat((last = { doing: 'score', ...progress }));
  const onAlive = (): void => heartbeat(last);
  return cancellable(engine.score(id, requests, { onProgress, onAlive, signal: cancellation() }));
}

export function storeScores(store: ArtifactStore, scores: readonly StoredScore[]): Promise<ArtifactRef<'scores'>> {
  return writeArtifact(store, 'scores', scores);
}
