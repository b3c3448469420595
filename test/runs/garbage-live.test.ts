/** Collections while a run goes on: at whatever point it stands, it loses nothing that it needs. */
import { utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Services } from '../../services/services.js';
import { auditRun } from '../../runs/audit/audit-run.js';
import { collectUnneeded } from '../../runs/garbage/collect-unneeded.js';
import { putJson } from '../../store/json.js';
import { Gates } from '../support/gated-learner.js';
import { objectFiles } from '../support/kept-run.js';
import { nullRun } from '../support/null-run.js';
import { eventually } from '../support/process.js';
import { filesOf } from '../support/run-head.js';
import { steer, until } from '../support/steer.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

/** As if two days had gone by: no lease keeps anything. Litter goes, and how many artifacts went is told. */
async function collectOld({ store, runsFolder }: Services, litter: number): Promise<number> {
  const home = dirname(runsFolder);
  const ref = await putJson(store, 'evaluation', { litter });
  const old = new Date(new Date().getTime() - 48 * 3_600_000);
  for (const path of await objectFiles(home)) await utimes(path, old, old);
  const { removed } = await collectUnneeded(store, home, temporal.environment.client, { remove: true });
  expect(await store.has(ref)).toBe(false);
  return removed!.objects - 1;
}

/** Children that work are in the index that is searched, which is a little behind. */
async function listed(handle: WorkflowHandle): Promise<void> {
  const { raw } = await handle.describe();
  const pending = (raw.pendingChildren ?? []).map((child) => child.workflowId);
  await eventually(async () => {
    const running: string[] = [];
    const query = "ExecutionStatus = 'Running'";
    for await (const one of temporal.environment.client.workflow.list({ query })) running.push(one.workflowId);
    return [handle.workflowId, ...pending].every((id) => running.includes(id ?? '')) || undefined;
  });
}

it('in each iteration while it learns, and while it is held', async () => {
  const gates = new Gates();
  const closed = [0, 1, 2].map((iteration) => gates.close(iteration));
  const gone: number[] = [];
  const collecting = async (handle: WorkflowHandle, services: Services): Promise<void> => {
    const collectNow = async (): Promise<void> => {
      await listed(handle);
      gone.push(await collectOld(services, gone.length));
    };
    for (const [iteration, gate] of closed.entries()) {
      await gate.at;
      // What runs has its inputs in a history, and what ran its results: the next batch is there, and policy 0 was evaluated.
      await until(handle, ({ children }) => children.length === 1 && children[0] === `learn-${iteration}`);
      await collectNow();
      if (iteration === 1) await steer(handle, 'pause');
      gate.open();
      if (iteration !== 1) continue;
      await until(handle, ({ phase }) => phase === 'paused');
      await collectNow();
      await steer(handle, 'resume');
    }
  };
  const form = { retention: { keepLast: 2, keepEvery: 0 }, evaluation: { every: 0 } };
  await nullRun(
    temporal,
    form,
    async ({ result, services }) => {
      const report = await auditRun(services.store, await filesOf(result), { client: temporal.environment.client });
      expect(report.findings).toEqual([]);
      expect(report.iterations).toHaveLength(3);
      expect(gone).toHaveLength(4);
      // What only its workflows needed goes when they have ended.
      expect(await collectOld(services, gone.length)).toBeGreaterThan(0);
    },
    gates.learner,
    collecting,
  );
});
