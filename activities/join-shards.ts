import { readArtifact, writeArtifact } from '../store/formats/artifacts.js';
import { yieldToEvents } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import type { Verdicts } from '../store/formats/documents.js';
import { type StoredRollout } from '../store/formats/rollouts.js';
import { type StoredScore } from '../store/formats/scores.js';
import { storeRollouts } from '../services/rollouts.js';
import { scoreMeans } from '../iteration/scores.js';
import { storeScores } from '../services/scores.js';

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
  const document: Verdicts = { verdicts };
  return {
    ...(await storeRollouts(store, rollouts)),
    verdicts: await writeArtifact(store, 'verdicts', document),
    correct: verdicts.filter(({ reward }) => reward === 1).length,
    scores: await storeScores(store, scores),
    ...scoreMeans(scores),
  };
});
