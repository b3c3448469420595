/** A run that nobody serves says so on its page, and goes on when somebody does. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROLES, type Role } from '../../contracts/protocol/queues.js';
import { createWorkers } from '../../workers/create-workers.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { currentDetails, steer } from '../support/steer.js';
import { Temporal, withFolder } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

it('names the role whose workers are away', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const { nativeConnection: connection, client, namespace = 'default' } = temporal.environment;
    const serve = async (roles: readonly Role[]) => {
      const options = { connection, namespace, prefix: 'waiting', services, workflowBundle: temporal.bundle };
      const workers = await createWorkers({ ...options, roles });
      const running = Promise.all(workers.map((worker) => worker.run()));
      return async () => {
        workers.forEach((worker) => worker.shutdown());
        await running;
      };
    };
    const stops = [await serve(ROLES.filter((role) => role !== 'learner'))];
    try {
      const form = await smallForm({ iterations: 1, distribution: { heartbeatSeconds: 5 } });
      const run = await client.workflow.start('training', {
        workflowId: 'waits',
        taskQueue: 'waiting-control',
        args: [form],
      });
      const details = (): Promise<string> => currentDetails(run);
      await expect
        .poll(details, { timeout: 60_000, interval: 500 })
        .toMatch(/no learner worker polls since \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
      await steer(run, 'extendTo', 2);
      expect(await details()).toMatch(/0 of 2[^]*no learner worker polls/); // the page was written anew
      stops.push(await serve(['learner']));
      await run.result();
      expect(await details()).not.toContain('no learner worker');
      await temporal.replay("WorkflowId = 'waits'");
    } finally {
      for (const stop of stops) await stop();
    }
  });
});
