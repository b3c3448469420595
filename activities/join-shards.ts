import { readArtifact, writeArtifact } from '../store/formats/artifacts.js';
import { yieldToEvents } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import type { Verdicts } from '../contracts/artifacts/documents.js';
import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import type { StoredScore } from '../contracts/artifacts/stored-score.js';
import { storeRollouts } from '../services/rollouts.js';
import { scoreMeans } from '../iteration/scores.js';

/** Makes of the shards of a phase what one shard would have made: the same artifacts, and the same means of them. */
export const joinShards = defineActivity('joinShards', async ({ store }, { shards }) => {
  const rollouts: StoredRollout[] = [];
  const verdicts: Verdicts['verdicts'][number][] = [];
  const scores: StoredScore[] = [];
  for (const shard of shards) {
    rollouts.push(...(await readArtifact(store, shard.rollouts)));
    verdicts.push(...(await readArtifact(store, shard.verdicts)).verdicts);
    scores.push(...(await readArtifact(store, shard.scores)));
    await yieldToEvents();
  }
  return {
    ...(await storeRollouts(store, rollouts)),
    verdicts: await writeArtifact(store, 'verdicts', { verdicts }),
    correct: verdicts.filter(({ reward }) => reward === 1).length,
    scores: await writeArtifact(store, 'scores', scores),
    ...scoreMeans(scores),
  };
});
