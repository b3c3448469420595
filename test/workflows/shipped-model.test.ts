/** Three iterations of each mode on the shipped model, with the engines in their processes (compiled: dist/). */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServices } from '../../activities/open-services.js';
import type { RunForm } from '../../contracts/config-form.js';
import type { IterationRecord } from '../../contracts/iteration-record.js';
import type { RunResult } from '../../contracts/run.js';
import { getJson } from '../../store/json.js';
import { Temporal, withFolder } from '../support/temporal.js';
import { TINY } from '../support/tiny-form.js';

const FORM: RunForm = { ...TINY, iterations: 3 };

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

let runs = 0;

/** The last record's name and content, from a fresh store and fresh engine processes. */
async function train(form: RunForm): Promise<{ head: string; record: IterationRecord }> {
  return withFolder(async (folder) => {
    const services = await openServices(folder);
    try {
      return await temporal.withWorkers(services, async (taskQueue) => {
        const workflowId = `shipped-${runs++}`;
        const { workflow } = temporal.environment.client;
        const { ledger } = await workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
          workflowId,
          taskQueue,
          args: [{ ...FORM, ...form }],
        });
        if (!ledger) throw new Error('a run without records');
        return { head: ledger.sha256, record: await getJson<IterationRecord>(services.store, ledger) };
      });
    } finally {
      await services.close();
    }
  });
}

it('attnrl off policy, twice: the same bits', async () => {
  const first = await train({ algorithm: 'attnrl' });
  expect(first.record.iteration).toBe(2);
  expect((await train({ algorithm: 'attnrl' })).head).toBe(first.head);
});

it.each<RunForm>([{ algorithm: 'attnrl', pipeline: 'on-policy' }, { algorithm: 'treerl' }, { algorithm: 'grpo' }])(
  'trains with %j',
  async (form) => {
    const { record } = await train(form);
    expect(record.iteration).toBe(2);
    expect(record.metrics.update).not.toBeNull();
    expect(record.policy.after).not.toEqual(record.policy.before);
  },
);
