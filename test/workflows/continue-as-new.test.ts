import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { RunForm } from '../../contracts/config/form.js';
import { MAX_STATE_BYTES } from '../../contracts/protocol/result-size.js';
import { PROGRESS_QUERY, type RunProgress } from '../../contracts/protocol/run.js';
import { Gates } from '../support/gated-learner.js';
import { nullRun } from '../support/null-run.js';
import { steer, until } from '../support/steer.js';
import { Temporal } from '../support/temporal.js';

let patient: Temporal;
const { learningRate } = resolveConfig({}, SHIPPED_FACTS).update;

let hasty: Temporal;
beforeAll(async () => {
  patient = await Temporal.start();
  // The server suggests continue-as-new after this many events instead of 4,096.
  hasty = await Temporal.start(['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=30']);
});
afterAll(() => Promise.all([patient?.stop(), hasty?.stop()]));

/** Executions of a run. */
async function executionsOf({ environment }: Temporal, workflowId: string): Promise<number> {
  const { workflow } = environment.client;
  let executions = 0;
  for (let runId: string | undefined, more = true; more; executions += 1) {
    const { events } = await workflow.getHandle(workflowId, runId).fetchHistory();
    runId = events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
    more = runId !== '';
  }
  return executions;
}

it('a run cut into several histories commits the same ledger', async () => {
  const whole = nullRun(patient, { iterations: 4 }, ({ result }) => Promise.resolve(result.ledger));
  const cut = nullRun(hasty, { iterations: 4 }, async ({ result, workflowId }) => {
    expect(await executionsOf(hasty, workflowId)).toBeGreaterThan(1);
    return result.ledger;
  });
  expect(await cut).toEqual(await whole);
});

it('cuts after as many iterations as configured, and carries what updates have set', async () => {
  const gates = new Gates();
  const [first, second] = [gates.close(0), gates.close(1)];
  const form: RunForm = { iterations: 4, iterationsPerExecution: 1, evaluation: { every: 0, problemsPerSet: 1 } };
  await nullRun(
    patient,
    form,
    async ({ workflowId, result }) => {
      expect(result.iterations).toBe(3);
      expect(await executionsOf(patient, workflowId)).toBe(3);
      expect(gates.rates).toEqual([learningRate, learningRate, 2e-5]);
    },
    gates.learner,
    async ({ workflowId }) => {
      const handle = patient.environment.client.workflow.getHandle(workflowId);
      await first.at;
      // Nothing else is under way then: the bound does not make the training wait for an evaluation.
      await until(handle, ({ children }) => !children.some((name) => name.startsWith('evaluate')));
      first.open();
      await second.at;
      expect(await executionsOf(patient, workflowId)).toBe(2);
      await steer(handle, 'setLearningRate', 2e-5);
      await steer(handle, 'stopAfter', 3);
      const { state } = await handle.query<RunProgress>(PROGRESS_QUERY);
      expect(Buffer.byteLength(JSON.stringify(state))).toBeLessThan(MAX_STATE_BYTES);
      second.open();
    },
  );
});
