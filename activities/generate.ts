import type { RolloutActivities } from '../contracts/activities.js';
import { sliceOf } from '../contracts/shards.js';
import { durable, timed } from './durable.js';
import type { ProblemBatch } from './formats/documents.js';
import { getJson, readManifest } from './io.js';
import { initialRollouts, rollOut, storeRollouts } from './rollouts.js';

type Generate = RolloutActivities['generate'];

/** Samples the initial responses of a batch, or of a shard of it. */
export const generate = durable<Parameters<Generate>[0], Awaited<ReturnType<Generate>>>(
  'generate',
  (services, { manifest: ref, iteration, policy, problems: problemsRef, shard }, journal) =>
    timed(async () => {
      const { store } = services;
      const manifest = await readManifest(store, ref);
      const { problems } = await getJson<ProblemBatch>(store, problemsRef);
      const { sampling, adaptiveSampling } = manifest.config;
      const mine = sliceOf([...problems.entries()], shard);
      const responses = adaptiveSampling.responsesDrawn;
      const planned = initialRollouts(mine, manifest.config, { iteration, responses });
      const rollouts = await rollOut(services, manifest, policy, { planned, sampling, journal });
      return storeRollouts(store, rollouts);
    }),
);
