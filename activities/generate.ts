import { sliceOf } from '../contracts/protocol/shards.js';
import { timed } from '../durability/durable.js';
import { defineActivity } from './define-activity.js';
import type { ProblemBatch } from '../store/formats/documents.js';
import { getJson, readManifest } from '../store/formats/io.js';
import { initialRollouts, rollOut, storeRollouts } from '../services/rollouts.js';

/** Samples the initial responses of a batch, or of a shard of it. */
export const generate = defineActivity(
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
