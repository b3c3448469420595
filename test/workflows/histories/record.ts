/** `npm run histories`: runs each case and writes its histories beside this file. */
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, it } from 'vitest';
import type { RunForm } from '../../../contracts/config/form.js';
import { Gates } from '../../support/gated-learner.js';
import { writeHistories } from '../../support/histories.js';
import { NullLearner } from '../../../tools/bench/null-engine.js';
import { nullRun } from '../../support/null-run.js';
import { steer, until } from '../../support/steer.js';
import { Temporal } from '../../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

const CASES: Record<string, RunForm> = {
  'attnrl-one-step-off-policy': { algorithm: 'attnrl' },
  'attnrl-on-policy': { algorithm: 'attnrl', pipeline: 'on-policy' },
  treerl: { algorithm: 'treerl' },
  grpo: { algorithm: 'grpo' },
  'continue-as-new': { iterations: 4, iterationsPerExecution: 1, evaluation: { every: 0, problemsPerSet: 1 } },
};

it.each(Object.entries(CASES))('%s', async (name, form) => {
  await nullRun(temporal, form, ({ workflowId }) => writeHistories(temporal, name, workflowId));
});

it('retries', async () => {
  let failures = 2;
  class Fragile extends NullLearner {
    override load(state: Parameters<NullLearner['load']>[0]): Promise<void> {
      if (failures-- > 0) return Promise.reject(new Error('the learner was taken away'));
      return super.load(state);
    }
  }
  await nullRun(
    temporal,
    {},
    ({ workflowId }) => writeHistories(temporal, 'retries', workflowId),
    () => new Fragile(),
  );
});

it('steered', async () => {
  const gates = new Gates();
  const [first, second] = [gates.close(0), gates.close(1)];
  const { connection } = temporal.environment;
  const client = new Client({ connection, identity: 'operator' });
  await nullRun(
    temporal,
    {},
    ({ workflowId }) => writeHistories(temporal, 'steered', workflowId),
    gates.learner,
    async ({ workflowId }) => {
      const handle = client.workflow.getHandle(workflowId);
      await first.at;
      await steer(handle, 'extendTo', 6);
      await steer(handle, 'setLearningRate', 5e-5);
      first.open();
      await second.at;
      await steer(handle, 'pause');
      second.open();
      await until(handle, ({ phase }) => phase === 'paused');
      await steer(handle, 'stopAfter', 4);
      await steer(handle, 'resume');
    },
  );
});
