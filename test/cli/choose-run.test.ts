/** Which of the unfinished runs a new training means: on a server, without workers. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chooseRun } from '../../cli/choose-run.js';
import { unfinishedRuns } from '../../cli/runs.js';
import type { Session } from '../../cli/session.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

it('goes on with the newest; --new cancels that one and no other', async () => {
  const { client } = temporal.environment;
  const session = { client, controlQueue: 'choice-control' } as Session;
  for (const workflowId of ['of-somebody', 'newest'])
    await client.workflow.start('training', { workflowId, taskQueue: session.controlQueue });
  // The server's index is a little behind.
  await expect.poll(() => unfinishedRuns(session), { timeout: 30_000 }).toHaveLength(2);
  const options = { resume: false, fresh: false, settings: false, interactive: false };
  expect(await chooseRun(session, options)).toBe('newest');
  expect(await chooseRun(session, { ...options, fresh: true })).toBeUndefined();
  const isCancelled = async (workflowId: string): Promise<boolean> => {
    const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
    return (events ?? []).some((event) => event.workflowExecutionCancelRequestedEventAttributes);
  };
  expect([await isCancelled('newest'), await isCancelled('of-somebody')]).toEqual([true, false]);
});
