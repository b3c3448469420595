import { afterAll, beforeAll, expect, it } from 'vitest';
import { nullRun } from '../support/null-run.js';
import { Temporal } from '../support/temporal.js';

let patient: Temporal;
let hasty: Temporal;
beforeAll(async () => {
  patient = await Temporal.start();
  // The server suggests continue-as-new after this many events instead of 4,096.
  hasty = await Temporal.start(['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=30']);
});
afterAll(() => Promise.all([patient?.stop(), hasty?.stop()]));

it('a run cut into several histories commits the same ledger', async () => {
  const whole = nullRun(patient, { iterations: 4 }, ({ result }) => Promise.resolve(result.ledger));
  const cut = nullRun(hasty, { iterations: 4 }, async ({ result, workflowId }) => {
    const { events } = await hasty.environment.client.workflow.getHandle(workflowId).fetchHistory();
    expect(events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId).not.toBe('');
    return result.ledger;
  });
  expect(await cut).toEqual(await whole);
});
