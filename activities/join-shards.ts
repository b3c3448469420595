import type { ControlActivities } from '../contracts/activities.js';
import { breathe } from './beat.js';
import { durable, timed } from './durable.js';
import type { Verdicts } from './formats/documents.js';
import { decodeRollouts, type StoredRollout } from './formats/rollouts.js';
import { decodeScores, type StoredScore } from './formats/scores.js';
import { getArrays, getJson, putJson } from './io.js';
import { storeRollouts } from './rollouts.js';
import { scoreMeans, storeScores } from './scores.js';

type JoinShards = ControlActivities['joinShards'];

/** Makes of the shards of a phase what one shard would have made: the same artifacts, and the same means of them. */
export const joinShards = durable<Parameters<JoinShards>[0], Awaited<ReturnType<JoinShards>>>(
  'joinShards',
  ({ store }, { shards }) =>
    timed(async () => {
      const rollouts: StoredRollout[] = [];
      const verdicts: Verdicts['verdicts'][number][] = [];
      const scores: StoredScore[] = [];
      for (const shard of shards) {
        rollouts.push(...decodeRollouts(await getArrays(store, shard.rollouts)));
        verdicts.push(...(await getJson<Verdicts>(store, shard.verdicts)).verdicts);
        scores.push(...decodeScores(await getArrays(store, shard.scores)));
        await breathe();
      }
      const document: Verdicts = { verdicts };
      return {
        ...(await storeRollouts(store, rollouts)),
        verdicts: await putJson(store, 'verdicts', document),
        correct: verdicts.filter(({ reward }) => reward === 1).length,
        scores: await storeScores(store, scores),
        ...scoreMeans(scores),
      };
    }),
);
