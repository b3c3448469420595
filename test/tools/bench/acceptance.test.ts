import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { writeSetting } from '../../../tools/bench/acceptance/form.js';
import { descendantsOf } from '../../../tools/bench/acceptance/process-tree.js';
import { OtherRunThere, Progress } from '../../../tools/bench/acceptance/progress.js';
import { reportTable } from '../../../tools/bench/acceptance/report.js';
import { mostSteps } from '../../../tools/bench/acceptance/responses.js';
import type { ScoredRow } from '../../../tools/bench/acceptance/scored-rows.js';
import { resolveConfig } from '../../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../../contracts/config/model-defaults.js';
import { readProblems } from '../../../tasks/problem-files.js';

const folder = await mkdtemp(join(tmpdir(), 'attnrl-acceptance-'));
afterAll(() => rm(folder, { recursive: true }));

test('the run is a valid one, and no held-out problem is trained on', async () => {
  const size = { iterations: 3, problems: 4, responses: 5, tokens: 96, seed: 7 };
  const { form, configuration, training, heldOut } = await writeSetting(folder, 'a model', size);
  expect(JSON.parse(await readFile(configuration, 'utf8'))).toEqual(form);
  const { iterations, sampling } = resolveConfig(form, SHIPPED_FACTS);
  expect({ iterations, sampling }).toMatchObject({
    iterations: 3,
    sampling: { problemsPerIteration: 4, responsesPerProblem: 5, maxResponseTokens: 96 },
  });
  const prompts = async (file: string): Promise<unknown[]> => {
    const source = await readProblems(file);
    return Array.from({ length: source.size }, (_, i) => source.problem(i).prompt);
  };
  const trained = new Set(await prompts(training));
  expect((await prompts(heldOut)).filter((prompt) => trained.has(prompt))).toEqual([]);
});

test('responses with the most steps are taken, those with as many in their order', () => {
  const row = (steps: number): ScoredRow => ({
    tokens: new Int32Array(),
    promptLength: 0,
    temperature: 1,
    stepRanges: Array.from({ length: steps }, () => [0, 0] as const),
    thinkEndStep: -1,
    delta: 4,
  });
  const rows = [row(3), row(9), row(3), row(5)];
  expect(mostSteps(rows, 3)).toEqual([rows[1], rows[3], rows[0]]);
});

test.skipIf(process.platform !== 'linux')('children of children are found', async () => {
  const script = `const { spawn } = require('node:child_process');
    const child = spawn('sleep', ['60']);
    child.once('spawn', () => console.log(child.pid));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const grandchild = Number(line.toString());
  const found = await descendantsOf(process.pid);
  process.kill(grandchild);
  child.kill();
  expect(found).toEqual(expect.arrayContaining([child.pid, grandchild]));
});

test('what has passed in a home is known to the next run of the same model and size, and no other may have it', async () => {
  const size = { iterations: 3, problems: 4, responses: 4, tokens: 96, seed: 1 };
  const step = { step: 'plan', outcome: 'passed', seconds: 1, peakBytes: 0, result: '' } as const;
  const first = await Progress.open(folder, 'a model', size);
  await first.note({ run: 'a run' });
  await first.note({ passed: [step] });
  expect((await Progress.open(folder, 'a model', { ...size })).state).toEqual({
    model: 'a model',
    size,
    run: 'a run',
    passed: [step],
  });
  await expect(Progress.open(folder, 'a model', { ...size, tokens: 128 })).rejects.toThrow(OtherRunThere);
  await expect(Progress.open(folder, 'another', size)).rejects.toThrow(OtherRunThere);
});

test('the table tells each step and the sum', () => {
  const step = { outcome: 'passed', seconds: 10, peakBytes: 2 ** 30, result: 'fine' } as const;
  const table = reportTable('model', [
    { ...step, step: 'plan' },
    { ...step, step: 'train', outcome: 'failed', peakBytes: 2 ** 31, seconds: 20 },
  ]);
  expect(table).toMatch(/✓ plan +│ +10 │ +1\.0 │ fine/);
  expect(table).toMatch(/✗ train +│ +20 │ +2\.0 │ fine/);
  expect(table).toMatch(/in all +│ +30 │ +2\.0 │/);
});
