/** The pool on a verifier that does whatever the response says. Its processes are compiled code (dist/). */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VerifierPool, type PoolSettings } from '../../tasks/verifier-pool.js';
import { checkVerifier, moduleHash, openVerifier } from '../../tasks/verifiers.js';

const OBEDIENT = `
let judged = 0;
export async function verify({ groundTruth }, response) {
  judged += 1;
  if (response === 'hang') for (;;);
  if (response === 'explode') for (const all = []; ; ) all.push(new Array(1e6).fill(all.length));
  if (response === 'crash') process.abort();
  if (response === 'throw') throw new Error('no such answer');
  if (response === 'nothing') return { reward: 'yes' };
  if (response === 'wait') await new Promise(() => {});
  return { reward: response === groundTruth ? 1 : 0, reason: String(judged) };
}`;

let folder: string;
let module: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'attnrl-verifier-'));
  await writeFile(path.join(folder, 'obedient.mjs'), OBEDIENT);
  module = pathToFileURL(path.join(folder, 'obedient.mjs')).href;
});
afterAll(() => rm(folder, { recursive: true }));

async function withPool<T>(settings: Partial<PoolSettings>, work: (pool: VerifierPool) => Promise<T>): Promise<T> {
  const pool = new VerifierPool({ module, seconds: 1, processes: 2, ...settings });
  try {
    return await work(pool);
  } finally {
    await pool.close();
  }
}

const problem = { groundTruth: 'yes' };

test.each([
  ['hang', 'timeout'],
  ['wait', 'timeout'],
  ['explode', 'crash'],
  ['crash', 'crash'],
  ['throw', 'error: no such answer'],
  ['nothing', 'error: not a verdict {reward: 0 | 1, reason}'],
])('%s: verdict 0, %s, and those around it are judged', async (response, reason) => {
  const settings = { seconds: response === 'explode' ? 60 : 1, memory: 64 };
  await withPool(settings, async (pool) => {
    const others = ['yes', 'no', 'yes', 'no', 'yes', 'no'];
    const all = [...others, response, ...others].map((one) => pool.verify(problem, one));
    const verdicts = await Promise.all(all);
    expect(verdicts[others.length]).toEqual({ reward: 0, reason });
    const rewards = verdicts.map(({ reward }) => reward).filter((_, i) => i !== others.length);
    expect(rewards).toEqual([1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
    expect((await pool.verify(problem, 'yes')).reward).toBe(1);
  });
});

test('a process is replaced after so many verdicts', async () => {
  await withPool({ processes: 1, verdictsPerProcess: 3 }, async (pool) => {
    const verdicts = await Promise.all(Array.from({ length: 8 }, () => pool.verify(problem, 'yes')));
    expect(verdicts.map(({ reason }) => reason)).toEqual(['1', '2', '3', '1', '2', '3', '1', '2']);
  });
});

test('what a killed process had is judged by another one', async () => {
  await withPool({ processes: 1, seconds: 60 }, async (pool) => {
    await pool.verify(problem, 'yes');
    const waiting = pool.verify(problem, 'wait').catch(() => 'closed');
    const behind = pool.verify(problem, 'yes');
    // Three processes are killed over the first of the two, which is then its own fault.
    for (let kills = 0; kills < 3; kills += 1) {
      const [pid] = pool.pids;
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => pool.pids[0] !== pid && pool.pids.length > 0, { timeout: 30_000 }).toBe(true);
    }
    expect(await waiting).toEqual({ reward: 0, reason: 'crash' });
    expect((await behind).reward).toBe(1);
  });
});

test('a closed pool has no processes, rejects what it had, and starts again when it is asked', async () => {
  const pool = new VerifierPool({ module, seconds: 60, processes: 2 });
  const verdict = pool.verify(problem, 'wait');
  expect(pool.busy).toBe(true);
  const closed = pool.close();
  expect(pool.busy).toBe(false);
  const again = pool.verify(problem, 'yes');
  await expect(verdict).rejects.toThrow('closed');
  await closed;
  expect((await again).reward).toBe(1);
  await pool.close();
  expect(pool.pids).toEqual([]);
});

test('a process that is started after its module has changed judges nothing', async () => {
  const name = path.join(folder, 'changing.mjs');
  const judging = (reason: string) => `export const verify = () => ({ reward: 1, reason: '${reason}' });`;
  await writeFile(name, judging('before'));
  const settings = { name, secondsPerVerdict: 5, processes: 1 };
  const verifier = openVerifier(settings, await moduleHash(settings));
  expect((await verifier.verify(problem, 'yes')).reason).toBe('before');
  await verifier.close();
  await writeFile(name, judging('after'));
  await expect(verifier.verify(problem, 'yes')).rejects.toThrow(/changing\.mjs does not start: its file has changed/);
  await verifier.close();
});

test('a module that cannot be used says why', async () => {
  const missing = { name: path.join(folder, 'missing.mjs'), secondsPerVerdict: 5, processes: 1 };
  expect(await checkVerifier(missing)).toMatch(/missing\.mjs does not start: Cannot find module/);
  await writeFile(path.join(folder, 'empty.mjs'), 'export const verdict = 1;');
  const empty = { ...missing, name: path.join(folder, 'empty.mjs') };
  expect(await checkVerifier(empty)).toMatch('exports no function `verify`');
  expect(await checkVerifier({ ...missing, name: 'maths' })).toMatch('there are math, math-in-process');
  expect(await checkVerifier({ ...missing, name: 'math' })).toBeUndefined();
});

test('the example of the documentation', async () => {
  const text = await readFile(path.resolve('docs/verifiers.md'), 'utf8');
  const [, example] = /```js\n(.*?)```/s.exec(text)!;
  const name = path.join(folder, 'ends-with.mjs');
  await writeFile(name, example);
  const settings = { name, secondsPerVerdict: 5, processes: 1 };
  expect(await checkVerifier(settings)).toBeUndefined();
  expect(await moduleHash(settings)).toMatch(/^[0-9a-f]{64}$/);
  const verifier = openVerifier(settings);
  expect(await verifier.verify({ groundTruth: ['4', '5'] }, 'it is 5 ')).toEqual({ reward: 1, reason: 'correct' });
  expect(await verifier.verify({ groundTruth: '4' }, 'it is 5')).toEqual({ reward: 0, reason: 'does not end with 4' });
  await verifier.close();
});

test.each(['math', 'math-in-process'])('%s finds an answer anywhere where it is told to', async (name) => {
  const settings = { name, secondsPerVerdict: 5, processes: 1 };
  for (const [answer, reward] of [
    ['anywhere', 1],
    ['boxed', 0],
    [undefined, 0],
  ] as const) {
    const verifier = openVerifier({ ...settings, ...(answer ? { answer } : {}) });
    expect((await verifier.verify({ groundTruth: '5' }, 'It is 5.')).reward).toBe(reward);
    await verifier.close();
  }
});

test.each(['math', 'math-in-process'])('%s answers to hostile responses', async (name) => {
  const verifier = openVerifier({ name, secondsPerVerdict: 5, processes: 2 });
  const hostile = [
    '9^9^9^9',
    '9**9**9**9',
    '1e999999999',
    `${'('.repeat(900)}1${')'.repeat(900)}`,
    '{'.repeat(10_000) + '}'.repeat(10_000),
    '\\frac{1}{'.repeat(200) + '2' + '}'.repeat(200),
    '1'.repeat(1_000_000),
    Array.from({ length: 300 }, (_, i) => `\\frac1{${i + 2}}`).join('+'),
    Array.from({ length: 200 }, () => '99^{999}').join('\\cdot '),
    `x${'^x'.repeat(900)}`,
    '!'.repeat(1000),
    `5${'!'.repeat(1000)}`,
    '\\pm'.repeat(600) + '1',
    '\\{'.repeat(500) + '1,2' + '\\}'.repeat(500),
  ];
  const verdicts = await Promise.all(
    hostile.map((answer) => verifier.verify({ groundTruth: '5' }, `\\boxed{${answer}}`)),
  );
  expect(verdicts).toEqual(hostile.map(() => ({ reward: 0, reason: 'wrong answer' })));
  await verifier.close();
});
