/** Today's workflow code decides as the code did that made the recorded histories; if it must not, `npm run histories`. */
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, expect, it } from 'vitest';
import { readHistories, recordedCases } from '../support/histories.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

let workflowBundle: WorkflowBundle;
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
});

it.each(await recordedCases())('replays the runs of %s', async (name) => {
  const histories = await readHistories(name);
  expect(histories.length).toBeGreaterThan(5);
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories))
    expect(error, workflowId).toBeUndefined();
});

it('has recorded retries, updates and continued executions', async () => {
  const has = async (name: string, attributes: string): Promise<boolean> => {
    const events = (await readHistories(name)).flatMap(({ history }) => history.events ?? []);
    return events.some((event) => event[attributes as keyof typeof event] != null);
  };
  expect(await has('steered', 'workflowExecutionUpdateAcceptedEventAttributes')).toBe(true);
  expect(await has('continue-as-new', 'workflowExecutionContinuedAsNewEventAttributes')).toBe(true);
  const started = (await readHistories('retries'))
    .flatMap(({ history }) => history.events ?? [])
    .map(({ activityTaskStartedEventAttributes: start }) => start?.attempt ?? 0);
  expect(Math.max(...started)).toBe(3);
});

it('notices a workflow that decides otherwise', async () => {
  const [{ workflowId, history }] = await readHistories('grpo');
  const scheduled = history.events!.find((event) => event.activityTaskScheduledEventAttributes)!;
  scheduled.activityTaskScheduledEventAttributes!.activityType = { name: 'another' };
  const replay = Worker.runReplayHistory({ workflowBundle }, history, workflowId);
  await expect(replay).rejects.toThrow(/[Nn]ondeterminism/);
});
