import { writeArtifact } from '../store/formats/artifacts.js';
import type { StoredRow } from '../contracts/artifacts/stored-row.js';
import { heartbeat, yieldToEvents } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import {
  filterGrown,
  type GrownProblem,
  growProblem,
  measure,
  nextDraw,
  NO_BRANCHES,
  trainingRow,
} from '../iteration/trees.js';
import { readBatch, readBranches } from '../services/batches.js';

/** Trees, advantages, what of them reaches the update, and how many problems to draw next. */
export const growTree = defineActivity(
  'growTree',
  async ({ store, manifest }, { batch, branches: refs, controller }) => {
    const { config } = manifest;
    const problems = await readBatch(store, batch, config);
    const branches = refs ? await readBranches(store, refs) : NO_BRANCHES;
    const grown: GrownProblem[] = [];
    for (const problem of problems) {
      grown.push(growProblem(problem, branches, config));
      heartbeat({ doing: 'grow trees', done: grown.length, total: problems.length });
      await yieldToEvents();
    }
    const { trees, kept, leafPaths } = filterGrown(grown, branches, config);
    const rows: StoredRow[] = [];
    for (const one of kept) {
      rows.push(trainingRow(one));
      await yieldToEvents();
    }

    const batchSize = nextDraw(controller.batchSize, leafPaths, manifest);
    return {
      tree: await writeArtifact(store, 'tree', { problems: trees }),
      rows: await writeArtifact(store, 'rows', rows),
      controller: { ...controller, batchSize },
      metrics: { ...measure(batch.statistics, trees, rows, branches, leafPaths), nextBatchSize: batchSize },
    };
  },
);
