/** Audits of whole runs in every mode, on a real Temporal server with the null engine. */
import { dirname, basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditRun } from '../../audit/audit-run.js';
import { readRunFiles } from '../../audit/run-files.js';
import type { RunForm } from '../../contracts/config-form.js';
import { nullRun } from '../support/null-run.js';
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
