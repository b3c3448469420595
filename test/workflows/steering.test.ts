/** Runs that are steered while they go on. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, WorkflowUpdateFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import type { LedgerHead, RunSettings } from '../../contracts/protocol/run.js';
import { CONFIGURATION_QUERY, LEDGER_HEAD_QUERY } from '../../contracts/protocol/steering.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/protocol/search-attributes.js';
import { Gates } from '../support/gated-learner.js';
import { nullRun } from '../support/null-run.js';
import { currentDetails, steer, until } from '../support/steer.js';
import { Temporal } from '../support/temporal.js';

const { learningRate } = resolveConfig({}, SHIPPED_FACTS).update;

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

async function ledgerOf(runFolder: string): Promise<IterationRecord[]> {
  const text = await readFile(join(runFolder, 'ledger.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as IterationRecord);
}

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The compiled command on the test's server. */
function attnrl(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, TEMPORAL_ADDRESS: temporal.environment.address };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...args], { env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}

/** Resolves when the server's index, which is a little behind, answers a question of the readme with that run. */
async function listed(query: string, run: string): Promise<void> {
  for (;;) {
    for await (const { workflowId } of temporal.environment.client.workflow.list({ query }))
      if (workflowId === run) return;
  }
}

it('pauses between iterations, learns at the rate that was set, ends earlier or later, and records who did so', async () => {
  const gates = new Gates();
  const [first, second] = [gates.close(0), gates.close(1)];
  const { connection } = temporal.environment;
  const asAda = new Client({ connection, identity: 'ada@lovelace' });
  await nullRun(
    temporal,
    { iterations: 3 },
    async ({ workflowId, result, services }) => {
      await listed("WorkflowType = 'training' AND AttnrlIteration >= 4 AND AttnrlAccuracy < 0.99", workflowId);
      expect(result.iterations).toBe(4);
      expect(gates.rates).toEqual([learningRate, learningRate, 5e-5, 5e-5]);
      const ledger = await ledgerOf(result.runFolder);
      expect(ledger.map(({ learningRate }) => learningRate)).toEqual([null, null, 5e-5, 5e-5]);
      const named = ledger.map(({ steering }) =>
        steering.map(({ update, value, identity }) => [update, value, identity]),
      );
      expect(named).toEqual([
        [],
        [
          ['pause', null, 'ada@lovelace'],
          ['setLearningRate', 5e-5, 'ada@lovelace'],
          ['extendTo', 9, 'ada@lovelace'],
        ],
        [
          ['stopAfter', 4, 'ada@lovelace'],
          ['resume', null, 'ada@lovelace'],
        ],
        [],
      ]);
      for (const { time } of ledger[1].steering) expect(new Date(time).toISOString()).toBe(time);
      expect(await services.store.has(result.ledger!)).toBe(true);
    },
    gates.learner,
    async ({ workflowId }) => {
      const handle = asAda.workflow.getHandle(workflowId);
      await first.at;
      first.open();
      await second.at;
      expect(await steer(handle, 'pause')).toMatchObject({
        update: 'pause',
        fromIteration: 2,
        identity: 'ada@lovelace',
      });
      await steer(handle, 'setLearningRate', 5e-5);
      await steer(handle, 'extendTo', 9);
      await expect(steer(handle, 'stopAfter', 1)).rejects.toThrow(WorkflowUpdateFailedError);
      second.open();
      await until(handle, ({ phase }) => phase === 'paused');
      expect(gates.rates).toHaveLength(2);
      const settings = await handle.query<RunSettings>(CONFIGURATION_QUERY);
      expect(settings).toMatchObject({ form: { iterations: 3 }, inForce: { iterations: 9, learningRate: 5e-5 } });
      const head = await handle.query<LedgerHead>(LEDGER_HEAD_QUERY);
      expect(head).toMatchObject({ iterations: 2, record: { kind: 'iteration-record' } });
      const { typedSearchAttributes: attributes } = await handle.describe();
      expect(attributes.get(SEARCH_ATTRIBUTES.phase)).toBe('paused');
      expect(attributes.get(SEARCH_ATTRIBUTES.iteration)).toBe(2);
      await listed("AttnrlPhase = 'paused' AND ExecutionStatus = 'Running'", workflowId);
      await steer(handle, 'stopAfter', 4);
      await steer(handle, 'resume');
    },
  );
});

it('a pause changes nothing but the steering that records hold', async () => {
  const gates = new Gates();
  const second = gates.close(1);
  // The chain and the mirror's line name other bytes; provenance tells of its own time.
  const plain = (record: IterationRecord): object => {
    const apart = { previous: null, sha256: null, bytes: null, provenance: null, steering: [] };
    return { ...record, ...apart };
  };
  const undisturbed = nullRun(temporal, {}, ({ result }) => ledgerOf(result.runFolder));
  const paused = nullRun(
    temporal,
    {},
    ({ result }) => ledgerOf(result.runFolder),
    gates.learner,
    async (handle) => {
      await second.at;
      await steer(handle, 'pause');
      second.open();
      await until(handle, ({ phase }) => phase === 'paused');
      await steer(handle, 'resume');
    },
  );
  const [expected, found] = [await undisturbed, await paused];
  expect(found.map(plain)).toEqual(expected.map(plain));
  expect(found.flatMap(({ steering }) => steering.map(({ update }) => update))).toEqual(['pause', 'resume']);
  expect(expected.flatMap(({ steering }) => steering)).toEqual([]);
});

it('ends after the iteration that runs, which records it: by the command', async () => {
  const gates = new Gates();
  const first = gates.close(0);
  const ledger = await nullRun(
    temporal,
    { iterations: 3 },
    ({ result }) => ledgerOf(result.runFolder),
    gates.learner,
    async (handle) => {
      await first.at;
      const refused = await attnrl('stop-after', handle.workflowId, '7');
      expect(refused).toMatchObject({ code: 2, stdout: '' });
      expect(refused.stderr).toContain('extendTo');
      const taken = await attnrl('stop-after', handle.workflowId, '1', '--json');
      expect(JSON.parse(taken.stdout)).toMatchObject({ update: 'stopAfter', value: 1 });
      first.open();
    },
  );
  expect(ledger).toHaveLength(1);
  const identity = `${userInfo().username}@${hostname()}`;
  expect(ledger[0].steering).toMatchObject([{ update: 'stopAfter', value: 1, identity }]);
});

it('shows where a run is, in Markdown', async () => {
  const gates = new Gates();
  const second = gates.close(1);
  await nullRun(
    temporal,
    {},
    () => Promise.resolve(),
    gates.learner,
    async (handle) => {
      await second.at;
      await steer(handle, 'pause');
      const details = await currentDetails(handle);
      for (const text of ['1 of 3', 'learn-1', 'held after this iteration', 'remaining', '| iteration |', 'pause ·'])
        expect(details).toContain(text);
      second.open();
      await until(handle, ({ phase }) => phase === 'paused');
      await steer(handle, 'resume');
    },
  );
});
