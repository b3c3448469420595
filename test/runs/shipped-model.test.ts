/** A run of each algorithm on the shipped model, audited, and replayed by other engine processes (compiled: dist/). */
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { engineServices, openServices } from '../../services/open-services.js';
import { auditRun } from '../../runs/audit/audit-run.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { findTfjs } from '../../scripts/load-tfjs.mjs';
import { Temporal, withFolder } from '../support/temporal.js';
import { TINY } from '../support/tiny-form.js';

const FORM: RunForm = {
  ...TINY,
  iterations: 2,
  sampling: { ...TINY.sampling, problemsPerIteration: 4, responsesPerProblem: 4 },
  branching: { pointsPerResponse: 2, minTokenDistance: 6 },
};

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

const MODES: Record<string, RunForm> = {
  attnrl: { algorithm: 'attnrl' },
  treerl: { algorithm: 'treerl' },
  grpo: { algorithm: 'grpo' },
  'grpo with the log-probs of the update': {
    algorithm: 'grpo',
    update: { oldLogProbs: 'update', miniBatchPaths: 16 },
  },
  ...(findTfjs() === undefined ? {} : { 'attnrl on TensorFlow.js': { learner: 'tfjs' } }),
};

it.each(Object.entries(MODES))('%s: proved, and the replay has the same bits', async (name, mode) => {
  await withFolder(async (folder) => {
    const services = await openServices(folder);
    const again = engineServices();
    try {
      await temporal.withWorkers(services, async (taskQueue) => {
        const { client } = temporal.environment;
        const workflowId = `audited-${name.replaceAll(' ', '-')}`;
        const { runFolder } = await client.workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
          workflowId,
          taskQueue,
          args: [{ ...FORM, ...mode }],
        });
        const files = await readRunFiles(dirname(runFolder), workflowId);
        // At least one update is replayed: where the draw was all right or all wrong, there is none.
        expect(files.ledger.some(({ metrics }) => metrics.update !== null)).toBe(true);
        const replay = { iterations: [0, 1], services: again };
        const report = await auditRun(services.store, files, { client, replay });
        expect(report.findings).toEqual([]);
        expect(report.iterations.map(({ checks }) => checks.replay)).toEqual(['passed', 'passed']);
      });
    } finally {
      await Promise.all([services.close(), again.close()]);
    }
  });
});
