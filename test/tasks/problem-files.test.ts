import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BOXED_INSTRUCTION } from '../../tasks/problem-columns.js';
import { EmptyProblemSet, InvalidProblemSet, readProblems } from '../../tasks/problem-files.js';
import { ROW_READERS } from '../../tasks/problem-rows.js';
import { TABLES } from './tables.js';

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'attnrl-problems-'));
});
afterAll(() => rm(scratch, { recursive: true }));

async function folder(files: Record<string, string | Uint8Array>): Promise<string> {
  const directory = await mkdtemp(path.join(scratch, 'set-'));
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(directory, name), content);
  return directory;
}

async function wrongOf(location: string, options?: Parameters<typeof readProblems>[1]): Promise<readonly string[]> {
  const error: unknown = await readProblems(location, options).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InvalidProblemSet);
  return (error as InvalidProblemSet).problems;
}

const asked = (content: string) => [{ role: 'user', content }];

test('files of a folder are read in order of name, whatever their form; others are ignored', async () => {
  const source = await readProblems(
    await folder({
      'c.json': '[{"prompt": "4?", "groundTruth": 4}]',
      'b.jsonl': '{"prompt": "3?", "groundTruth": ["3", "III"], "level": 2}\n',
      'a.jsonl': '{"prompt": "1?", "groundTruth": "1"}\r\n\n{"id": "two", "prompt": "2?", "groundTruth": "2"}',
      'notes.txt': 'not a problem',
    }),
  );
  expect(source.size).toBe(4);
  expect([0, 1, 2, 3].map((i) => source.problem(i))).toEqual([
    { index: 0, id: 'a.jsonl:1', prompt: '1?', groundTruth: '1' },
    { index: 1, id: 'two', prompt: '2?', groundTruth: '2' },
    { index: 2, id: 'b.jsonl:1', prompt: '3?', groundTruth: ['3', 'III'] },
    { index: 3, id: 'c.json:1', prompt: '4?', groundTruth: '4' },
  ]);
  expect(() => source.problem(4)).toThrow(RangeError);
});

test('every bad line is listed', async () => {
  const directory = await folder({
    'x.jsonl': '{"prompt": "", "groundTruth": "1"}\n{"prompt": "p", "groundTruth": "1"}\nnope\n[]\n',
  });
  const wrong = await wrongOf(directory);
  expect(wrong.map((p) => p.split(' ')[0])).toEqual(['x.jsonl:1:', 'x.jsonl:3:', 'x.jsonl:4:']);
  expect(wrong[0]).toContain('prompt: ');
});

test('of a hundred thousand bad lines the first hundred are listed, and the others counted', async () => {
  const wrong = await wrongOf(await folder({ 'x.jsonl': '{"prompt": 1, "groundTruth": "1"}\n'.repeat(100_000) }));
  expect(wrong).toHaveLength(101);
  expect(wrong.at(-1)).toBe('and 99900 more');
});

test('an id given twice is refused', async () => {
  const line = '{"id": "same", "prompt": "p", "groundTruth": "1"}';
  expect(await wrongOf(await folder({ 'x.jsonl': `${line}\n${line}` }))).toEqual([
    'x.jsonl:2: id same was given before',
  ]);
});

test('nothing to train on is refused', async () => {
  await expect(readProblems(await folder({}))).rejects.toBeInstanceOf(EmptyProblemSet);
  await expect(readProblems(await folder({ 'x.jsonl': '\n \n' }))).rejects.toBeInstanceOf(EmptyProblemSet);
  await expect(readProblems(path.join(await folder({ 'x.csv': 'a,b' }), 'x.csv'))).rejects.toThrow('.parquet');
});

test('a file that has changed is read again', async () => {
  const file = path.join(await folder({ 'x.jsonl': '{"prompt": "1?", "groundTruth": "1"}\n' }), 'x.jsonl');
  const before = await readProblems(file);
  expect(await readProblems(file)).toBe(before);
  await appendFile(file, '{"prompt": "2?", "groundTruth": "2"}\n');
  const after = await readProblems(file);
  expect([before.size, after.size]).toEqual([1, 2]);
  expect(after.sha256).not.toBe(before.sha256);
});

describe('schemas', () => {
  test("verl's: chats, one ground truth or several, as a text file", async () => {
    const row = (content: string, truth: unknown) =>
      JSON.stringify({
        data_source: 'x',
        prompt: asked(content),
        reward_model: { ground_truth: truth, style: 'rule' },
      });
    const source = await readProblems(
      await folder({ 'x.jsonl': [row('1+1?', '2'), row('2+2?', ['4', 'IV'])].join('\n') }),
    );
    expect(source.problem(0)).toMatchObject({ prompt: asked('1+1?'), groundTruth: '2' });
    expect(source.problem(1)).toMatchObject({ prompt: asked('2+2?'), groundTruth: ['4', 'IV'] });
  });

  test("DeepScaleR's: the problem becomes a chat with the instruction", async () => {
    const source = await readProblems(
      await folder({ 'x.json': JSON.stringify([{ problem: 'Find $1+1$.', answer: 2, solution: 'It is $2$.' }]) }),
    );
    expect(source.problem(0)).toMatchObject({ prompt: asked(`Find $1+1$. ${BOXED_INSTRUCTION}`), groundTruth: '2' });
  });

  test('columns, chat and instruction by configuration; the instruction is not added twice', async () => {
    const text = JSON.stringify({ meta: { q: 'Q', a: ['1'] }, key: 17 });
    const columns = { prompt: 'meta.q', groundTruth: 'meta.a', id: 'key' };
    const directory = await folder({ 'x.jsonl': text });
    expect((await readProblems(directory, { columns })).problem(0)).toMatchObject({ id: '17', prompt: 'Q' });
    const chat = await readProblems(directory, { columns, chat: true, instruction: 'Be brief.' });
    expect(chat.problem(0).prompt).toEqual(asked('Q Be brief.'));
    const twice = await folder({ 'x.jsonl': JSON.stringify({ prompt: 'Q Be brief.', groundTruth: '1' }) });
    expect((await readProblems(twice, { instruction: 'Be brief.' })).problem(0).prompt).toBe('Q Be brief.');
  });

  test('columns that are not there are named, with those that are', async () => {
    const directory = await folder({ 'x.jsonl': '{"question": "Q", "answer": "1"}' });
    const [unknown] = await wrongOf(directory);
    expect(unknown).toContain('has question, answer: name the columns');
    const [absent] = await wrongOf(directory, { columns: { prompt: 'query', groundTruth: 'answer' } });
    expect(absent).toMatch(/^x.jsonl:1: query: /);
  });
});

describe('parquet', () => {
  test.each(Object.entries(TABLES))('%s', async (name, { base64, prompts, truths }) => {
    const source = await readProblems(await folder({ [`${name}.parquet`]: Buffer.from(base64, 'base64') }));
    const problems = Array.from({ length: source.size }, (_, i) => source.problem(i));
    expect(problems.map(({ prompt }) => prompt)).toEqual(prompts);
    expect(problems.map(({ groundTruth }) => groundTruth)).toEqual(truths);
    expect(problems.map(({ id }) => id)).toEqual(prompts.map((_, i) => `${name}.parquet:${i + 1}`));
  });

  test('a row group is read at a time, and of it the columns that are needed', async () => {
    const file = path.join(await folder({ 'x.parquet': Buffer.from(TABLES.verl.base64, 'base64') }), 'x.parquet');
    const batches: { numbers: number[]; keys: string[] }[] = [];
    for await (const rows of ROW_READERS['.parquet'](file, (present) => {
      expect(present).toEqual(['data_source', 'prompt', 'reward_model']);
      return ['reward_model', 'absent'];
    }))
      batches.push({ numbers: rows.map(({ number }) => number), keys: Object.keys(rows[0].value as object) });
    expect(batches).toEqual([
      { numbers: [1, 2], keys: ['reward_model'] },
      { numbers: [3], keys: ['reward_model'] },
    ]);
  });

  test('a damaged one is named', async () => {
    const bytes = Buffer.from(TABLES.verl.base64, 'base64');
    const [problem] = await wrongOf(await folder({ 'x.parquet': bytes.subarray(0, bytes.length - 9) }));
    expect(problem).toMatch(/^x.parquet: cannot be read: /);
  });

  test('the same problems have the same hash, whatever the form of their file', async () => {
    const { base64, prompts, truths } = TABLES.verl;
    const lines = prompts.map((prompt, i) => JSON.stringify({ prompt, groundTruth: truths[i] })).join('\n');
    const [table, text] = [{ 'x.parquet': Buffer.from(base64, 'base64') }, { 'y.jsonl': lines }];
    expect((await readProblems(await folder(table))).sha256).toBe((await readProblems(await folder(text))).sha256);
  });
});
