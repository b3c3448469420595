import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EmptyProblemSet, InvalidProblemSet, readProblems } from '../../tasks/jsonl.js';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'attnrl-jsonl-'));
});
afterAll(() => rm(scratch, { recursive: true }));

async function folder(files: Record<string, string>): Promise<string> {
  const directory = await mkdtemp(path.join(scratch, 'set-'));
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(directory, name), content);
  return directory;
}

test('files of a folder are read in order of name, others are let be', async () => {
  const source = await readProblems(
    await folder({
      'b.jsonl': '{"prompt": "3?", "groundTruth": ["3", "III"], "level": 2}\n',
      'a.jsonl': '{"prompt": "1?", "groundTruth": "1"}\r\n\n{"id": "two", "prompt": "2?", "groundTruth": "2"}',
      'notes.txt': 'not a problem',
    }),
  );
  expect(source.size).toBe(3);
  expect([0, 1, 2].map((i) => source.problem(i))).toEqual([
    { index: 0, id: 'a.jsonl:1', prompt: '1?', groundTruth: '1' },
    { index: 1, id: 'two', prompt: '2?', groundTruth: '2' },
    { index: 2, id: 'b.jsonl:1', prompt: '3?', groundTruth: ['3', 'III'] },
  ]);
});

test('every bad line is listed', async () => {
  const file = path.join(
    await folder({ 'x.jsonl': '{"prompt": ""}\n{"prompt": "p", "groundTruth": "1"}\nnope\n[]\n' }),
    'x.jsonl',
  );
  const error = await readProblems(file).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InvalidProblemSet);
  expect((error as InvalidProblemSet).problems.map((p) => p.split(' ')[0])).toEqual([
    'x.jsonl:1:',
    'x.jsonl:3:',
    'x.jsonl:4:',
  ]);
});

test('an id given twice is refused', async () => {
  const line = '{"id": "same", "prompt": "p", "groundTruth": "1"}';
  await expect(readProblems(await folder({ 'x.jsonl': `${line}\n${line}` }))).rejects.toThrow(
    'id same was given before',
  );
});

test('nothing to train on is refused', async () => {
  await expect(readProblems(await folder({}))).rejects.toBeInstanceOf(EmptyProblemSet);
  await expect(readProblems(await folder({ 'x.jsonl': '\n \n' }))).rejects.toBeInstanceOf(EmptyProblemSet);
});
