import { readBatch } from '../iteration/batch.js';
import { planBranches, pointsOf } from '../iteration/branch-plan.js';
import { timed } from '../durability/durable.js';
import { defineActivity } from './define-activity.js';
import { putJson, readManifest } from '../store/formats/io.js';

/** Which responses are branched, and where. */
export const chooseBranchPoints = defineActivity(
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
