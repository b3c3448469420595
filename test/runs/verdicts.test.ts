/** Verdicts that depend on the machine: an audit excuses and notes them, and nothing else. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineServices } from '../../services/open-services.js';
import { auditRun } from '../../runs/audit/audit-run.js';
import { expectedVerdicts } from '../../runs/audit/verdicts.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { Temporal } from '../support/temporal.js';

const CORRECT = { reward: 1, reason: 'correct' } as const;
const WRONG = { reward: 0, reason: 'wrong answer' } as const;
const TIMEOUT = { reward: 0, reason: 'timeout' } as const;
const CRASH = { reward: 0, reason: 'crash' } as const;

describe('what recorded verdicts must be', () => {
  it.each([
    ['the same', CORRECT, CORRECT, CORRECT, 0],
    ['forged', CORRECT, WRONG, WRONG, 0],
    ['a timeout in the run', TIMEOUT, CORRECT, TIMEOUT, 1],
    ['a crash in the run', CRASH, WRONG, CRASH, 1],
    ['a timeout in the audit', CORRECT, TIMEOUT, CORRECT, 1],
    ['a timeout in both', TIMEOUT, TIMEOUT, TIMEOUT, 0],
    ['a reward for a timeout', { ...TIMEOUT, reward: 1 as const }, WRONG, WRONG, 0],
  ])('%s', (_, recorded, again, expected, excused) => {
    const result = expectedVerdicts({ verdicts: [CORRECT, recorded] }, [CORRECT, again]);
    expect(result).toEqual({ expected: { verdicts: [CORRECT, expected] }, excused });
  });

  it('as many as are due', () => {
    expect(expectedVerdicts({ verdicts: [] }, [CORRECT]).expected.verdicts).toHaveLength(1);
    expect(expectedVerdicts({ verdicts: [CORRECT, CORRECT] }, [CORRECT]).expected.verdicts).toHaveLength(1);
  });
});

/** Hangs over some responses while the file `busy` lies beside it. */
const HANGS_SOMETIMES = `
import { existsSync } from 'node:fs';
export function verify({ groundTruth }, response) {
  const sum = Buffer.from(response).reduce((a, b) => a + b, 0);
  if (sum % 19 === 0 && existsSync(new URL('./busy', import.meta.url))) for (;;);
  return response.includes(String(groundTruth)) ? { reward: 1, reason: 'correct' } : { reward: 0, reason: 'wrong answer' };
}`;

describe('a run with a verifier of its own that sometimes hangs', () => {
  let temporal: Temporal;
  let home: string;
  let run: string;
  beforeAll(async () => {
    temporal = await Temporal.start();
    home = await mkdtemp(path.join(tmpdir(), 'attnrl-verdicts-'));
    const name = path.join(home, 'verifier.mjs');
    await writeFile(name, HANGS_SOMETIMES);
    await writeFile(path.join(home, 'busy'), '');
    const { verifier, close } = engineServices();
    const services = { ...(await nullServices(home)), verifier };
    await temporal.withWorkers(services, async (taskQueue) => {
      run = 'sometimes-hangs';
      const form = await smallForm({
        iterations: 2,
        verifier: { name, secondsPerVerdict: 0.5 },
        evaluation: { every: 0 },
      });
      await temporal.environment.client.workflow.execute<(form: RunForm) => Promise<RunResult>>('training', {
        workflowId: run,
        taskQueue,
        args: [form],
      });
    });
    await close();
    await rm(path.join(home, 'busy'));
  });
  afterAll(async () => {
    await temporal?.stop();
    await rm(home, { recursive: true });
  });

  it('is proved on a machine where it does not hang, and every timeout is noted', async () => {
    const { store } = await nullServices(home);
    const files = await readRunFiles(path.join(home, 'runs'), run);
    const { verifier, close } = engineServices();
    const { engine, learner } = await nullServices(home);
    const replay = { iterations: [0, 1], services: { engine, learner, verifier } };
    const report = await auditRun(store, files, { client: temporal.environment.client, replay });
    await close();
    expect(report.findings).toEqual([]);
    expect(report.notes.join('\n')).toMatch(/iteration \d: \d+ verdicts on responses are a timeout or a crash/);
  });

  it('is proved but for its verdicts where the verifier is another one', async () => {
    await writeFile(path.join(home, 'verifier.mjs'), `${HANGS_SOMETIMES} // changed`);
    const { store } = await nullServices(home);
    const report = await auditRun(store, await readRunFiles(path.join(home, 'runs'), run), {});
    expect(report.findings).toEqual([]);
    expect(report.notes.join('\n')).toMatch(/verdicts were not repeated: the verifier .* is not what it was/);
  });
});
