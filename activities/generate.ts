import { readArtifact } from '../store/formats/artifacts.js';
import { sliceOf } from '../contracts/protocol/shards.js';
import { defineActivity } from './define-activity.js';
import { initialRollouts, rollOut, storeRollouts } from '../services/rollouts.js';

/** Samples the initial responses of a batch, or of a shard of it. */
export const generate = defineActivity(
  'generate',
  async (context, { iteration, policy, problems: problemsRef, shard }) => {
    const { store, manifest, journal } = context;
    const { problems } = await readArtifact(store, problemsRef);
    const { sampling, adaptiveSampling } = manifest.config;
    const mine = sliceOf([...problems.entries()], shard);
    const responses = adaptiveSampling.responsesDrawn;
    const planned = initialRollouts(mine, manifest.config, { iteration, responses });
    const rollouts = await rollOut(context, manifest, policy, { planned, sampling, journal });
    return storeRollouts(store, rollouts);
  },
);
