/** Runs that go on behind an iteration of another run. */
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRun } from '../../runs/audit/audit-run.js';
import { forkForm } from '../../runs/fork-form.js';
import { readEntry } from '../../runs/audit/ledger.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { getJson } from '../../store/json.js';
import { Gates } from '../support/gated-learner.js';
import { nullRun, smallForm, type FinishedRun } from '../support/null-run.js';
import { steer } from '../support/steer.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

type Parent = FinishedRun & { readonly form: RunForm };

/** Runs a fork of the parent, on the parent's workers. */
async function fork({ workflowId, form }: Parent, record: ArtifactRef, other: RunForm = {}): Promise<RunResult> {
  const { workflow } = temporal.environment.client;
  const { taskQueue } = await workflow.getHandle(workflowId).describe();
  const { sha256, bytes } = record;
  return workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
    workflowId: `${workflowId}-fork`,
    taskQueue,
    args: [{ ...(await smallForm(form)), ...other, from: { record: { sha256, bytes, kind: 'iteration-record' } } }],
  });
}

const filesOf = (run: string, { runFolder }: RunResult) => readRunFiles(dirname(runFolder), run);

describe.each<[string, RunForm]>([
  ['one step off policy', { algorithm: 'attnrl' }],
  ['on policy', { algorithm: 'attnrl', pipeline: 'on-policy' }],
  ['treerl', { algorithm: 'treerl' }],
])('%s', (_, mode) => {
  it('a fork with nothing changed does what its parent did, has it as its recorded parent, and is proved', async () => {
    const form = { ...mode, iterations: 4 };
    await nullRun(temporal, form, async (finished) => {
      const { workflowId, result, services } = finished;
      const parentFiles = await filesOf(workflowId, result);
      const { ref } = await readEntry(services.store, parentFiles, 1);
      const forked = await fork({ ...finished, form }, ref);
      expect(forked.policy).toEqual(result.policy);
      expect(forked.iterations).toBe(4);
      const label = async (run: string) =>
        (await temporal.environment.client.workflow.getHandle(`${run}/sample-2`).describe()).staticSummary();
      expect(await label(`${workflowId}-fork`)).toBe(await label(workflowId));

      const files = await filesOf(`${workflowId}-fork`, forked);
      expect(files.ledger.map(({ number }) => number)).toEqual([2, 3]);
      expect(files.ledger[0].previous).toEqual(ref);
      const manifest = await getJson<RunManifest>(services.store, files.ledger[0].manifest);
      expect(manifest.parent).toEqual(ref);
      const { client } = temporal.environment;
      const replay = { iterations: [2, 3], services };
      const report = await auditRun(services.store, files, { client, replay });
      expect(report.findings).toEqual([]);
      expect(report.iterations.map(({ iteration }) => iteration)).toEqual([0, 1, 2, 3]);
    });
  });
});

it('other settings hold from there on', async () => {
  await nullRun(temporal, { iterations: 2 }, async (finished) => {
    const { workflowId, result, services } = finished;
    const { ref } = await readEntry(services.store, await filesOf(workflowId, result), 0);
    const forked = await fork({ ...finished, form: {} }, ref, { iterations: 3, branching: { rolloutsPerPoint: 1 } });
    const files = await filesOf(`${workflowId}-fork`, forked);
    expect(files.ledger.map(({ number }) => number)).toEqual([1, 2]);
    expect(files.ledger.every(({ metrics }) => metrics.branches === metrics.branchPoints)).toBe(true);
    expect((await auditRun(services.store, files, { client: temporal.environment.client })).findings).toEqual([]);
  });
});

it('learns at the rate that its parent was set to', async () => {
  const gates = new Gates();
  const first = gates.close(0);
  await nullRun(
    temporal,
    { iterations: 3 },
    async (finished) => {
      const { workflowId, result, services } = finished;
      const parentFiles = await filesOf(workflowId, result);
      const parent = gates.rates.splice(0);
      expect(parent).toEqual([expect.not.closeTo(5e-5, 9), 5e-5, 5e-5]);
      for (const at of [1, 2]) {
        const entry = await readEntry(services.store, parentFiles, at - 1);
        const form = forkForm(entry);
        const forked = await fork({ ...finished, form }, entry.ref);
        expect(forked.policy).toEqual(result.policy);
        expect(gates.rates.splice(0)).toEqual(parent.slice(at));
        const files = await filesOf(`${workflowId}-fork`, forked);
        expect((await auditRun(services.store, files, { client: temporal.environment.client })).findings).toEqual([]);
      }
    },
    gates.learner,
    async (handle) => {
      await first.at;
      await steer(handle, 'setLearningRate', 5e-5);
      first.open();
    },
  );
});

it('refuses a record that is not there and too few iterations, each with its path', async () => {
  await nullRun(temporal, { iterations: 1 }, async (finished) => {
    const { workflowId, result, services } = finished;
    const { ref } = await readEntry(services.store, await filesOf(workflowId, result), 0);
    const parent = { ...finished, form: {} };
    const failure = (run: Promise<unknown>): Promise<string> =>
      run.then(String, (error: unknown) => ((error as Error).cause as Error).message);
    expect(await failure(fork(parent, { ...ref, sha256: '0'.repeat(64) }))).toContain('from.record: ');
    expect(await failure(fork(parent, ref, { iterations: 1 }))).toContain('iterations: counts those of the parent');
  });
});
