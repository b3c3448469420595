import type { ControlActivities } from '../contracts/activities.js';
import { readBatch } from './batch.js';
import { planBranches, pointsOf } from './branch-plan.js';
import { durable, timed } from './durable.js';
import { putJson, readManifest } from './io.js';

type ChooseBranchPoints = ControlActivities['chooseBranchPoints'];

/** Which responses are branched, and where. */
export const chooseBranchPoints = durable<Parameters<ChooseBranchPoints>[0], Awaited<ReturnType<ChooseBranchPoints>>>(
  'chooseBranchPoints',
  ({ store }, { manifest, batch, controller: before }) =>
    timed(async () => {
      const { config } = await readManifest(store, manifest);
      const problems = await readBatch(store, batch, config);
      const { plan, controller } = planBranches(problems, config, batch.iteration, before);
      return {
        points: await putJson(store, 'branch-points', plan),
        branchPoints: pointsOf(plan).length,
        controller,
      };
    }),
);
