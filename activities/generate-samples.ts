import type { RolloutActivities } from '../contracts/activities.js';
import { sliceOf } from '../contracts/shards.js';
import { sampleKey } from '../tasks/evaluate.js';
import { durable, timed } from './durable.js';
import type { ProblemBatch } from './formats/documents.js';
import { getJson, readManifest } from './io.js';
import { rollOut, storeRollouts } from './rollouts.js';

type GenerateSamples = RolloutActivities['generateSamples'];

/** Samples the problems of a held-out set, or of a shard of it. */
export const generateSamples = durable<Parameters<GenerateSamples>[0], Awaited<ReturnType<GenerateSamples>>>(
  'generateSamples',
  (services, { manifest: ref, policy, set, problems: problemsRef, samplesPerProblem, shard }, journal) =>
    timed(async () => {
      const { store } = services;
      const manifest = await readManifest(store, ref);
      const { problems } = await getJson<ProblemBatch>(store, problemsRef);
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
      const rollouts = await rollOut(services, manifest, policy, {
        planned,
        sampling: evaluation,
        journal,
        background: true,
      });
      return storeRollouts(store, rollouts);
    }),
);
