import { readArtifact } from '../store/formats/artifacts.js';
import { sliceOf } from '../contracts/protocol/shards.js';
import { sampleKey } from '../tasks/evaluate.js';
import { defineActivity } from './define-activity.js';
import { rollOut, storeRollouts } from '../services/rollouts.js';

/** Samples the problems of a held-out set, or of a shard of it. */
export const generateSamples = defineActivity(
  'generateSamples',
  async (context, { policy, set, problems: problemsRef, samplesPerProblem, shard }) => {
    const { store, manifest, journal } = context;
    const { problems } = await readArtifact(store, problemsRef);
    const { seed, evaluation } = manifest.config;
    // The samples of a problem share its prompt: they stay in one shard.
    const planned = sliceOf([...problems.entries()], shard).flatMap(([problem, { index, prompt }]) => {
      const request = { prefix: Int32Array.from(prompt), maxNewTokens: evaluation.maxResponseTokens };
      return Array.from({ length: samplesPerProblem }, (_, response) => ({
        problem,
        response,
        branch: 0,
        at: 0,
        request,
        key: sampleKey(seed, set, { index }, response),
      }));
    });
    const rollouts = await rollOut(context, manifest, policy, {
      planned,
      sampling: evaluation,
      journal,
      background: true,
    });
    return storeRollouts(store, rollouts);
  },
);
