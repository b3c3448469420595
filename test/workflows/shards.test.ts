/** How work is divided changes no bit of what comes of it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import { getJson } from '../../store/json.js';
import { nullRun } from '../support/null-run.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

/** The last record without what names the configuration or the record before. */
function lastRecord(form: RunForm) {
  return nullRun(temporal, form, async ({ services, result, workflowId }) => {
    const handle = temporal.environment.client.workflow.getHandle(`${workflowId}/sample-1`);
    const { events = [] } = await handle.fetchHistory();
    const names = (events ?? []).map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
    const {
      manifest: _,
      configHash: __,
      previous: ___,
      ...rest
    } = await getJson<IterationRecord>(services.store, result.ledger!);
    return { record: rest, generations: names.filter((name) => name === 'generate').length };
  });
}

it.each<RunForm>([{ algorithm: 'attnrl' }, { algorithm: 'grpo' }])(
  'one shard, a few and many: the same records (%j)',
  async (form) => {
    const [whole, few, many] = await Promise.all(
      [1000, 11, 5].map((rolloutsPerShard) => lastRecord({ ...form, distribution: { rolloutsPerShard } })),
    );
    expect([whole.generations, few.generations, many.generations]).toEqual([1, 3, 5]);
    expect(few.record).toEqual(whole.record);
    expect(many.record).toEqual(whole.record);
  },
);
