import { describe, expect, test } from 'vitest';
import { closely, exactly } from '../../../tools/golden/compare.js';
import { runCases } from '../../../tools/golden/run.js';

import type { TopicFile } from '../../../tools/golden/run.js';
import { samplingFixtures } from './sampling-fixtures.js';
import { trainingFixtures } from './training-fixtures.js';

const fixtures = [...samplingFixtures, ...trainingFixtures];

const context = { directory: '.', engines: () => Promise.reject(new Error('no engine')) };
const run = (file: TopicFile) => runCases(file, context);

/** The file with every number of the expected answers moved by one. */
function spoiled(file: TopicFile): TopicFile {
  const spoil = (value: unknown, inExpected: boolean): unknown => {
    if (typeof value === 'number') return inExpected ? value + 1 : value;
    if (Array.isArray(value)) return value.map((each) => spoil(each, inExpected));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, spoil(each, inExpected || key === 'expected')]),
    );
  };
  return { ...file, cases: file.cases.map((each) => ({ ...each, ...(spoil(each, false) as object) })) };
}

describe('own cases', () => {
  test.each(fixtures.map((file) => [file.topic, file] as const))('%s pass', async (_, file) => {
    expect((await run(file)).flatMap(({ differences }) => differences)).toEqual([]);
  });

  test.each(fixtures.map((file) => [file.topic, file] as const))(
    '%s fail when the answer is another',
    async (_, file) => {
      // A guard case has no numbers to be wrong about.
      const results = (await run(spoiled(file))).filter(({ kind }) => kind !== 'batch_size_guard');
      for (const { differences } of results) expect(differences).not.toEqual([]);
    },
  );
});

describe('the runner', () => {
  const lone = (topic: string, kind: string, more: object = {}): TopicFile => ({
    topic,
    schema: 1,
    cases: [{ id: 'x', kind, ...more }],
  });

  test('fails cases that it has no check for', async () => {
    expect((await run(lone('weather', 'rain')))[0].differences).toEqual([
      'no check for kind "rain" of topic "weather"',
    ]);
    expect((await run(lone('steps', 'rain')))[0].differences).toHaveLength(1);
  });

  test('fails cases that do not fit their schema, naming what is missing', async () => {
    expect((await run(lone('branch', 'entropy', { entropies: [] })))[0].differences[0]).toMatch(/n_points/);
  });

  test('fails model cases without an engine, and goes on', async () => {
    const model = lone('generate', 'generate', {
      checkpoint: 'none',
      prefix_ids: [1],
      uniforms: [0.5],
      temperature: 1,
      eos_ids: [],
      max_new_tokens: 1,
      expected: { token_ids: [1], log_probs: [0], finished: false },
    });
    expect((await run(model))[0].differences).toEqual(['no engine']);
  });

  test('marks debatable cases', async () => {
    const [result] = await run({ ...fixtures[0], cases: [{ ...fixtures[0].cases[0], debatable: true }] });
    expect(result.debatable).toBe(true);
  });
});

describe('comparing', () => {
  test('numbers within the tolerance agree, others are named with their place', () => {
    expect(closely('x', [1, { y: 2.00001 }], [1, { y: 2 }])).toEqual([]);
    expect(closely('x', [1, { y: 2.1 }], [1, { y: 2 }])).toEqual(['x[1].y: got 2.1, expected 2']);
    expect(closely('x', 1e-7, 0, { relative: 1e-5, absolute: 0 })).toHaveLength(1);
  });

  test('typed arrays, infinities, NaN and null compare as what they are', () => {
    expect(closely('x', Float32Array.of(1, 2), [1, 2])).toEqual([]);
    expect(closely('x', [Infinity, NaN, null, -0], [Infinity, NaN, null, 0])).toEqual([]);
    expect(closely('x', NaN, 1)).toHaveLength(1);
    expect(closely('x', 1, Infinity)).toHaveLength(1);
    expect(closely('x', 0, null)).toHaveLength(1);
  });

  test('missing parts and other lengths differ', () => {
    expect(exactly('x', { a: 1 }, { a: 1, b: 2 })).toEqual(['x.b: got nothing, expected 2']);
    expect(exactly('x', undefined, { a: 1 })).toHaveLength(1);
    expect(exactly('x', [1, 2], [1])).toHaveLength(1);
    expect(exactly('x', { a: 1, more: 2 }, { a: 1 })).toEqual([]);
  });
});
