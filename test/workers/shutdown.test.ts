/** A rollout worker of its own process (dist/) that is told to stop in the middle of a long generation. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HANDED_BACK } from '../../contracts/errors/run-errors.js';
import { ROLES } from '../../contracts/protocol/queues.js';
import { createWorkers } from '../../workers/create-workers.js';
import { openServices } from '../../services/open-services.js';
import { Temporal, withFolder } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

it('SIGTERM: saves what is half done, hands it back at once, and ends in order', async () => {
  await withFolder(async (home) => {
    const { nativeConnection: connection, client, namespace = 'default', address } = temporal.environment;
    const services = await openServices(home);
    const options = { connection, namespace, prefix: 'stops', services, workflowBundle: temporal.bundle };
    const workers = await createWorkers({ ...options, roles: ROLES.filter((role) => role !== 'rollout') });
    const running = Promise.all(workers.map((worker) => worker.run()));
    const rollout = fork(fileURLToPath(new URL('../../dist/workers/rollout.js', import.meta.url)), [], {
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: address,
        TEMPORAL_NAMESPACE: namespace,
        ATTNRL_HOME: home,
        ATTNRL_QUEUE_PREFIX: 'stops',
      },
    });
    try {
      // At this temperature hardly any response ends: the generation takes minutes.
      const sampling = { problemsPerIteration: 64, temperature: 10, maxResponseTokens: 800 };
      const form = { sampling, update: { tokenBudget: 100_000 }, evaluation: { sets: ['short'], problemsPerSet: 1 } };
      await client.workflow.start('training', { workflowId: 'stops', taskQueue: 'stops-control', args: [form] });
      const journals = (): Promise<string[]> => readdir(join(home, 'store', 'journals'));
      await expect.poll(journals, { timeout: 60_000 }).not.toEqual([]);

      const ended = once(rollout, 'exit');
      rollout.kill('SIGTERM');
      expect(await ended).toEqual([0, null]); // not by force, which is at 8 s
      const { raw } = await client.workflow.getHandle('stops/sample-0').describe();
      const generation = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'generate');
      expect(generation?.lastFailure?.applicationFailureInfo?.type).toBe(HANDED_BACK);
      expect(generation?.attempt).toBe(2);
      expect(await journals()).not.toEqual([]);
    } finally {
      rollout.kill('SIGKILL');
      await client.workflow
        .getHandle('stops')
        .terminate()
        .catch(() => undefined); // it may be what failed
      workers.forEach((worker) => worker.shutdown());
      await running;
      await services.close();
    }
  });
});
