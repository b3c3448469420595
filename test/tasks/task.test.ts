import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { InvalidConfig } from '../../contracts/errors/run-errors.js';
import { heldOutSet, openTask, ProblemSetChanged, trainingSet, type TaskUnreadable } from '../../tasks/task.js';

test('straight-line programs by default, six held-out sets', async () => {
  const task = await openTask('straight-line', {});
  expect(task.training?.size).toBe(20_000);
  expect(task.evaluation.map(({ name }) => name)).toEqual([
    'short',
    'medium',
    'long',
    'far-reuse',
    'near-chain',
    'longest',
  ]);
});

test('options reach the generator', async () => {
  const task = await openTask('straight-line', { problems: 3, lines: [2, 2], referenceShare: 0 });
  expect(task.training?.size).toBe(3);
  expect(task.training?.problem(2).prompt).toMatch(/^([a-z]:\d[-+*]\d;){2}[a-z]\?$/);
});

test('problems of files', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'attnrl-task-'));
  await writeFile(path.join(folder, 'x.jsonl'), '{"prompt": "1+1", "groundTruth": "2"}');
  const task = await openTask('files', { training: folder, evaluation: { 'held out': path.join(folder, 'x.jsonl') } });
  await rm(folder, { recursive: true });
  expect(task.training?.problem(0).groundTruth).toBe('2');
  expect(task.evaluation.map(({ name, size }) => [name, size])).toEqual([['held out', 1]]);
});

test('every wrong option is named with its path', async () => {
  const error = await openTask('straight-line', { lines: [4, 17], referenceShare: 2, lenghts: 1 }).catch(
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(InvalidConfig);
  const paths = (error as InvalidConfig).problems.map(({ path: at }) => at);
  expect(paths.sort()).toEqual(['task.options.lenghts', 'task.options.lines.1', 'task.options.referenceShare']);
  await expect(openTask('straight-line', { lines: [5, 4] })).rejects.toThrow('task.options.lines: fewest first');
  await expect(openTask('files', { training: 7 })).rejects.toThrow('task.options.training');
  await expect(openTask('files', { columns: { prompt: 'p' } })).rejects.toThrow('task.options.columns.groundTruth');
  expect((await openTask('files', {})).training).toBeUndefined();
  const absent = { training: 'nowhere.parquet', evaluation: { held: 'nowhere.jsonl' } };
  const missing = await openTask('files', absent).catch((e: unknown) => e);
  expect((missing as TaskUnreadable).problems.map(({ path: at }) => at)).toEqual(
    expect.arrayContaining(['task.options.training', 'task.options.evaluation.held']),
  );
  expect(await openTask('files', absent, [])).toEqual({ training: undefined, evaluation: [] });
  await expect(openTask('toString', {})).rejects.toThrow('task.name: no task "toString"');
});

test('a run draws from the problems that it began with, or from none', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'attnrl-task-'));
  const training = path.join(folder, 'x.jsonl');
  const line = (n: number): string => `{"prompt": "${n}?", "groundTruth": "${n}"}\n`;
  const open = async (text: string) => {
    await writeFile(training, text);
    return openTask('files', { training });
  };
  const first = await open(line(1) + line(2));
  const manifest = { dataSetSize: 2, dataSetSha256: first.training!.sha256! };
  expect(trainingSet(first, manifest)).toBe(first.training);
  for (const text of [line(1), line(1) + line(3), line(2) + line(1)]) {
    const task = await open(text);
    expect(() => trainingSet(task, manifest)).toThrow(ProblemSetChanged);
  }
  await rm(folder, { recursive: true });
  expect(() => trainingSet({ training: undefined, evaluation: [] }, manifest)).toThrow('has no training set');
});

test('a run is judged by the problems that it began with, or by none', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'attnrl-task-'));
  const held = path.join(folder, 'x.jsonl');
  const open = async (n: number) => {
    await writeFile(held, `{"prompt": "${n}?", "groundTruth": "${n}"}\n`);
    return openTask('files', { evaluation: { held } });
  };
  const task = await open(1);
  const [{ size, sha256 }] = task.evaluation;
  const manifest = { evaluationData: { held: { size, sha256: sha256! } } };
  expect(heldOutSet(task, manifest, 'held')).toBe(task.evaluation[0]);
  const changed = await open(23);
  expect(() => heldOutSet(changed, manifest, 'held')).toThrow(ProblemSetChanged);
  expect(heldOutSet(changed, {}, 'held')).toBe(changed.evaluation[0]); // a manifest of before
  expect(() => heldOutSet(changed, manifest, 'helt')).toThrow('no held-out set "helt"');
  await rm(folder, { recursive: true });
});
