/** Three iterations of each mode on the shipped model, with the engines in their processes (compiled: dist/). */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServices } from '../../services/open-services.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import type { Limits } from '../../policy/limits.js';
import { getJson } from '../../store/json.js';
import { EVERYTHING_IS_LARGE } from '../support/large-limits.js';
import { Temporal, withFolder } from '../support/temporal.js';
import { TINY } from '../support/tiny-form.js';

const FORM: RunForm = { ...TINY, iterations: 3 };

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

let runs = 0;

interface Trained {
  /** Of the last record. */
  readonly head: string;
  /** First to last. */
  readonly records: readonly IterationRecord[];
}

/** On a fresh store, with fresh engine processes. */
async function train(form: RunForm, limits?: Limits): Promise<Trained> {
  return withFolder(async (folder) => {
    const services = await openServices(folder, limits);
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
        const records: IterationRecord[] = [];
        for (let ref: ArtifactRef | null = ledger; ref; ref = records[0].previous)
          records.unshift(await getJson<IterationRecord>(services.store, ref));
        return { head: ledger.sha256, records };
      });
    } finally {
      await services.close();
    }
  });
}

const MODES: readonly RunForm[] = [
  { algorithm: 'attnrl' },
  { algorithm: 'attnrl', pipeline: 'on-policy' },
  { algorithm: 'treerl' },
  { algorithm: 'grpo' },
];
const trained = new Map<RunForm, Promise<Trained>>();

/** The first run of a mode. */
function first(form: RunForm): Promise<Trained> {
  const run = trained.get(form) ?? train(form);
  trained.set(form, run);
  return run;
}

it('attnrl off policy, twice: the same bits', async () => {
  const [form] = MODES;
  expect((await train(form)).head).toBe((await first(form)).head);
});

it.each(MODES)('trains with %j', async (form) => {
  const { records } = await first(form);
  expect(records.map(({ iteration }) => iteration)).toEqual([0, 1, 2]);
  const { metrics, policy } = records[2];
  expect(metrics.update).not.toBeNull();
  expect(policy.after).not.toEqual(policy.before);
});

it.each(MODES)(
  'does with %j what it does, where everything is large',
  async (form) => {
    const [expected] = (await first(form)).records;
    const [found] = (await train({ ...form, iterations: 1 }, EVERYTHING_IS_LARGE)).records;
    const { update, meanFci, ...counts } = found.metrics;
    const { update: expectedUpdate, meanFci: expectedFci, ...expectedCounts } = expected.metrics;
    expect(counts).toEqual(expectedCounts);
    expect([meanFci!]).toBeAllclose([expectedFci!], { rtol: 1e-4 });
    expect(Object.values(update!)).toBeAllclose(Object.values(expectedUpdate!), { rtol: 1e-3, atol: 1e-5 });
  },
  300_000,
);
