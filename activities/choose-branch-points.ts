import { writeArtifact } from '../store/formats/artifacts.js';
import { readBatch } from '../services/batches.js';
import { planBranches, pointsOf } from '../iteration/branch-plan.js';
import { defineActivity } from './define-activity.js';

/** Which responses are branched, and where. */
export const chooseBranchPoints = defineActivity(
  'chooseBranchPoints',
  async ({ store, manifest }, { batch, controller: before }) => {
    const { config } = manifest;
    const problems = await readBatch(store, batch, config);
    const { plan, controller } = planBranches(problems, config, batch.iteration, before);
    return {
      points: await writeArtifact(store, 'branch-points', plan),
      branchPoints: pointsOf(plan).length,
      controller,
    };
  },
);
