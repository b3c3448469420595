import { writeArtifact } from '../store/formats/artifacts.js';
import { readBatch } from '../iteration/batch.js';
import { heartbeat, yieldToEvents } from '../durability/heartbeat.js';
import { defineActivity } from './define-activity.js';
import type { Trees } from '../store/formats/documents.js';
import { type StoredRow } from '../store/formats/rows.js';
import {
  growProblem,
  leafPaths,
  measure,
  nextDraw,
  NO_BRANCHES,
  readBranches,
  type GrownProblem,
} from '../iteration/trees.js';

/** Trees, advantages, what of them reaches the update, and how many problems to draw next. */
export const growTree = defineActivity(
  'growTree',
  async ({ store, manifest }, { batch, branches: refs, controller }) => {
    const problems = await readBatch(store, batch, manifest.config);
    const branches = refs ? await readBranches(store, refs) : NO_BRANCHES;
    const trees: GrownProblem[] = [];
    const rows: StoredRow[] = [];
    for (const problem of problems) {
      const { grown, row } = growProblem(problem, branches, manifest.config);
      trees.push(grown);
      if (row) rows.push(row);
      heartbeat({ doing: 'grow trees', done: trees.length, total: problems.length });
      await yieldToEvents();
    }

    const batchSize = nextDraw(controller.batchSize, leafPaths(rows), manifest);
    const document: Trees = { problems: trees };
    return {
      tree: await writeArtifact(store, 'tree', document),
      rows: await writeArtifact(store, 'rows', rows),
      controller: { ...controller, batchSize },
      metrics: { ...measure(batch.statistics, trees, rows, branches), nextBatchSize: batchSize },
    };
  },
);
