/** Audits of whole runs in every mode, on a real Temporal server with the null engine. */
import { dirname, basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRun } from '../../runs/audit/audit-run.js';
import { collectUnneeded } from '../../runs/garbage/collect-unneeded.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { PolicyArtifact } from '../../contracts/artifacts/policy-artifact.js';
import { getJson } from '../../store/json.js';
import { nullRun, smallForm } from '../support/null-run.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

const MODES: Record<string, RunForm> = {
  'attnrl, one step off policy': { algorithm: 'attnrl' },
  'attnrl, on policy': { algorithm: 'attnrl', pipeline: 'on-policy' },
  'attnrl, best of more responses': { adaptiveSampling: { responsesDrawn: 6 } },
  'attnrl, by sentences, in shards': {
    steps: { separator: 'sentence', delta: 2 },
    distribution: { rolloutsPerShard: 8 },
  },
  treerl: { algorithm: 'treerl' },
  grpo: { algorithm: 'grpo' },
};

describe.each(Object.entries(MODES))('%s', (_, mode) => {
  it('is proved: chain, artifacts, decisions, history, replay', async () => {
    await nullRun(temporal, mode, async ({ result, workflowId, services }) => {
      const files = await readRunFiles(dirname(result.runFolder), decodeURIComponent(basename(result.runFolder)));
      const report = await auditRun(services.store, files, {
        client: temporal.environment.client,
        replay: { iterations: [0, 1, 2], services },
      });
      expect(report.findings).toEqual([]);
      expect(report).toMatchObject({ run: workflowId, verdict: 'proved', notes: [] });
      expect(report.iterations.map(({ iteration }) => iteration)).toEqual([0, 1, 2]);
      for (const { checks } of report.iterations) expect(new Set(Object.values(checks))).toEqual(new Set(['passed']));
      expect(report.actions.map(({ action }) => action)).toEqual(['start']);
      expect(report.artifacts.checked).toBeGreaterThan(40);
    });
  });
});

it('a run under the id of an earlier one has records of its own; those of the earlier one stay, and are proved', async () => {
  await nullRun(temporal, { iterations: 2 }, async ({ result, workflowId, services }) => {
    const { client } = temporal.environment;
    const { taskQueue } = await client.workflow.getHandle(workflowId).describe();
    const args = [await smallForm({ iterations: 1, algorithm: 'grpo' })];
    await client.workflow.execute('training', { workflowId, taskQueue, args });

    const runs = dirname(result.runFolder);
    await collectUnneeded(services.store, dirname(runs), client, { remove: true, leaseMs: 0 });
    const earlier = await readRunFiles(runs, `${workflowId}~1`);
    expect(earlier.ledger.at(-1)?.policy.after).toEqual(result.policy);
    const { weights } = await getJson<PolicyArtifact>(services.store, result.policy);
    expect(await services.store.has(weights[0].ref)).toBe(true);
    expect((await auditRun(services.store, earlier, { client })).findings).toEqual([]);
    const files = await readRunFiles(runs, workflowId);
    expect(files.ledger.map(({ number }) => number)).toEqual([0]);
    expect((await auditRun(services.store, files, { client })).findings).toEqual([]);
  });
});
