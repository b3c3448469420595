import type { RolloutActivities } from '../contracts/activities.js';
import { durable, timed } from './durable.js';
import type { BranchPlan } from './formats/documents.js';
import { getJson, readManifest } from './io.js';
import { readPrefixes } from './prefixes.js';
import { rollOut, storeRollouts, type PlannedRollout } from './rollouts.js';

type GenerateBranches = RolloutActivities['generateBranches'];

/** Samples anew at every branch point: the tokens before it are kept, `rolloutsPerPoint` times. */
export const generateBranches = durable<Parameters<GenerateBranches>[0], Awaited<ReturnType<GenerateBranches>>>(
  'generateBranches',
  (services, input, journal) =>
    timed(async () => {
      const { store } = services;
      const manifest = await readManifest(store, input.manifest);
      const { seed, sampling, branching } = manifest.config;
      const plan = await getJson<BranchPlan>(store, input.points);
      const prefixes = await readPrefixes(store, input);
      const planned = plan.problems.flatMap(({ problem, responses }) =>
        responses.flatMap(({ response, points }) =>
          points.flatMap((at, point) => {
            const prefix = prefixes.before({ problem, response, at });
            const request = { prefix, maxNewTokens: sampling.maxResponseTokens - at };
            return Array.from({ length: branching.rolloutsPerPoint }, (_, rollout): PlannedRollout => {
              const branch = 1 + point * branching.rolloutsPerPoint + rollout;
              return { problem, response, branch, at, request };
            });
          }),
        ),
      );
      const rollouts = await rollOut(services, manifest, input.policy, {
        planned,
        runSeed: seed,
        iteration: input.iteration,
        temperature: sampling.temperature,
        journal,
      });
      return storeRollouts(store, rollouts);
    }),
);
