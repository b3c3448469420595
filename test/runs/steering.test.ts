/** Updates in the records against those in the server's history: every difference is found, and named. */
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuditReport } from '../../runs/audit/findings.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { LedgerLine } from '../../contracts/artifacts/ledger-line.js';
import type { SteeringEvent } from '../../contracts/protocol/steering.js';
import { forgeNewest, recordOf } from '../support/forge.js';
import { Gates } from '../support/gated-learner.js';
import { audit, audited, discard, keptRun, type KeptRun } from '../support/kept-run.js';
import { steer, until } from '../support/steer.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
let kept: KeptRun;
let lines: readonly LedgerLine[];

/** Held and let go between two executions; in the last iteration the end is moved, twice. */
beforeAll(async () => {
  temporal = await Temporal.start();
  const gates = new Gates();
  const [first, last] = [gates.close(0), gates.close(2)];
  const ada = new Client({ connection: temporal.environment.connection, identity: 'ada@lovelace' });
  kept = await keptRun(
    temporal,
    { iterations: 4, iterationsPerExecution: 1 },
    gates.learner,
    async ({ workflowId }) => {
      const handle = ada.workflow.getHandle(workflowId);
      await first.at;
      await steer(handle, 'setLearningRate', 5e-5);
      await steer(handle, 'pause');
      first.open();
      await until(handle, ({ phase }) => phase === 'paused');
      await steer(handle, 'resume');
      await last.at;
      await steer(handle, 'stopAfter', 3);
      last.open();
    },
  );
  lines = (await readRunFiles(join(kept.home, 'runs'), kept.run)).ledger;
});
afterAll(async () => {
  await discard(kept);
  await temporal?.stop();
});

/** What the server's history says against the newest record when its updates are changed so. */
async function forged(change: (steering: readonly SteeringEvent[]) => readonly object[]): Promise<string[]> {
  const newest = recordOf(lines[2]);
  const forge = (home: string): Promise<void> =>
    forgeNewest(home, kept.run, lines, { ...newest, steering: change(newest.steering) });
  const report = await audited(kept, forge, { client: temporal.environment.client });
  return problemsOf(report, 'history', 2);
}

function problemsOf({ findings }: AuditReport, check: string, iteration: number): string[] {
  return findings.filter((one) => one.check === check && one.iteration === iteration).map(({ problem }) => problem);
}

it('the run as it is: proved, every update with its sender', async () => {
  expect(lines.map(({ steering }) => steering.map(({ update }) => update))).toEqual([
    ['setLearningRate', 'pause'],
    ['resume'],
    ['stopAfter'],
  ]);
  const report = await audit(kept, { client: temporal.environment.client });
  expect(report.findings).toEqual([]);
  expect(report.actions.filter(({ identity }) => identity === 'ada@lovelace').map(({ action }) => action)).toEqual([
    'setLearningRate 0.00005',
    'pause',
    'resume',
    'stopAfter 3',
  ]);
});

it('an update that no record holds', async () => {
  expect(await forged(() => [])).toContainEqual(
    expect.stringMatching(/^the update stopAfter 3 \(.*\) of ada@lovelace at .* is in no record$/),
  );
});

it('an update that nobody sent', async () => {
  const problems = await forged((all) => [...all, { ...all[0], update: 'pause', value: null, updateId: 'invented' }]);
  expect(problems).toContainEqual('the update pause (invented) was never sent');
  expect(problems.join()).not.toContain('in no record');
});

it.each([
  ['sender', { identity: 'bob' }, 'identity is "bob" instead of "ada@lovelace"'],
  ['time', { time: '2026-01-01T00:00:00.000Z' }, 'time is "2026-01-01T00:00:00.000Z" instead of'],
  ['value', { value: 4 }, 'value is 4 instead of 3'],
  ['name', { update: 'extendTo' }, 'update is "extendTo" instead of "stopAfter"'],
])('another %s', async (_, change, problem) => {
  const problems = await forged(([only]) => [{ ...only, ...change }]);
  expect(problems.join('\n')).toContain(problem);
});

it('a learning rate that no update has set: found without the server', async () => {
  const forge = (home: string): Promise<void> =>
    forgeNewest(home, kept.run, lines, { ...recordOf(lines[2]), learningRate: 1e-4 });
  const [problem] = problemsOf(await audited(kept, forge), 'state', 2);
  expect(problem).toBe('the learning rate by the updates so far: the value is 0.0001 instead of 0.00005');
});
