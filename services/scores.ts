/** What the two scoring activities have in common. */
import type { GenerateProgress, InferenceEngine, Score, ScoreRequest } from '../contracts/engine/engine.js';
import { heartbeat, cancellable, cancellation } from '../durability/heartbeat.js';
import type { Progress } from '../durability/progress.js';

export function scoreWith(engine: InferenceEngine, id: string, requests: readonly ScoreRequest[]): Promise<Score[]> {
  if (requests.length === 0) return Promise.resolve([]);
  let last: Progress = { doing: 'score', done: 0, total: requests.length };
  const onProgress = (progress: GenerateProgress): void => heartbeat((last = { doing: 'score', ...progress }));
  const onAlive = (): void => heartbeat(last);
  return cancellable(engine.score(id, requests, { onProgress, onAlive, signal: cancellation() }));
}
