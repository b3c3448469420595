import { readArtifact } from '../store/formats/artifacts.js';
import { sliceOf } from '../contracts/protocol/shards.js';
import { defineActivity } from './define-activity.js';
import { readPrefixes } from '../services/batches.js';
import { rollOut, storeRollouts, type PlannedRollout } from '../services/rollouts.js';

/** Samples anew at every branch point: the tokens before it are kept, `rolloutsPerPoint` times. */
export const generateBranches = defineActivity('generateBranches', async (context, input) => {
  const { store, manifest, journal } = context;
  const { seed, sampling, branching } = manifest.config;
  const plan = await readArtifact(store, input.points);
  const prefixes = await readPrefixes(store, input);
  const points = plan.problems.flatMap(({ problem, responses }) =>
    responses.flatMap((one) => one.points.map((at, point) => ({ problem, response: one.response, at, point }))),
  );
  // The rollouts of a point share its prefix: they stay in one shard.
  const planned = sliceOf(points, input.shard).flatMap(({ point, ...place }) => {
    const request = { prefix: prefixes.before(place), maxNewTokens: sampling.maxResponseTokens - place.at };
    return Array.from({ length: branching.rolloutsPerPoint }, (_, rollout): PlannedRollout => {
      const branch = 1 + point * branching.rolloutsPerPoint + rollout;
      const { problem, response } = place;
      return {
        ...place,
        branch,
        request,
        key: { runSeed: seed, iteration: input.iteration, problem, response, branch },
      };
    });
  });
  const rollouts = await rollOut(context, manifest, input.policy, {
    planned,
    sampling,
    journal,
  });
  return storeRollouts(store, rollouts);
});
