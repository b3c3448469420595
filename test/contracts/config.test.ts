import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { runForm } from '../../contracts/config/form.js';
import { configHash, resolveConfig } from '../../contracts/config/resolve.js';
import { stepSettings } from '../../contracts/config/run-config.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import { InvalidConfig, type InputProblem } from '../../contracts/errors/run-errors.js';

function problemsOf(form: unknown): readonly InputProblem[] {
  try {
    resolveConfig(form, SHIPPED_FACTS);
  } catch (error) {
    if (error instanceof InvalidConfig) return error.problems;
    throw error;
  }
  return [];
}

describe('resolveConfig', () => {
  it('fills everything from nothing', () => {
    const config = resolveConfig(undefined, SHIPPED_FACTS);
    expect(config).toMatchObject({ algorithm: 'attnrl', pipeline: 'one-step-off-policy' });
    expect(config.adaptiveSampling).toMatchObject({
      enabled: true,
      responsesDrawn: config.sampling.responsesPerProblem,
    });
  });

  it('decides the pipeline and adaptive sampling by the algorithm', () => {
    expect(resolveConfig({ algorithm: 'treerl' }, SHIPPED_FACTS)).toMatchObject({
      pipeline: 'on-policy',
      adaptiveSampling: { enabled: false },
    });
    expect(resolveConfig({ algorithm: 'grpo', pipeline: 'one-step-off-policy' }, SHIPPED_FACTS).pipeline).toBe(
      'one-step-off-policy',
    );
  });

  it('lists every problem at once, with its path', () => {
    const problems = problemsOf({
      iteration: 3,
      seed: -1,
      sampling: { temperature: 0, responsesPerProblem: 'six', top_p: 0.9 },
      update: { betas: [0.9, 1] },
      evaluation: { sets: ['easy', 7] },
      branching: { minTokenDistance: -1 },
    });
    expect(problems.map(({ path }) => path).sort()).toEqual([
      'branching.minTokenDistance',
      'evaluation.sets[1]',
      'iteration',
      'sampling.responsesPerProblem',
      'sampling.temperature',
      'sampling.top_p',
      'seed',
      'update.betas[1]',
    ]);
  });

  it('lets the mathematics verifiers, and no module, be told where an answer stands', () => {
    expect(resolveConfig({ verifier: { answer: 'anywhere' } }, SHIPPED_FACTS).verifier.answer).toBe('anywhere');
    expect(resolveConfig({}, SHIPPED_FACTS).verifier).not.toHaveProperty('answer');
    expect(problemsOf({ verifier: { name: './own.mjs', answer: 'boxed' } }).map(({ path }) => path)).toEqual([
      'verifier.answer',
    ]);
  });

  it('takes the distance of influence by both its names, which may not contradict each other', () => {
    expect(stepSettings(resolveConfig({}, SHIPPED_FACTS))).toEqual({ separator: 'blank-line', delta: 4 });
    expect(stepSettings(resolveConfig({ branching: { delta: 2 } }, SHIPPED_FACTS)).delta).toBe(2);
    expect(stepSettings(resolveConfig({ steps: { delta: 2 }, branching: { delta: 2 } }, SHIPPED_FACTS)).delta).toBe(2);
    const [problem, ...others] = problemsOf({ steps: { delta: 2 }, branching: { delta: 4 } });
    expect(problem).toEqual({
      path: 'branching.delta',
      problem: 'is the older name of steps.delta, which is 2: leave it out',
    });
    expect(others).toEqual([]);
    expect(problemsOf({ steps: { delta: 0 }, branching: { delta: 4 } }).map(({ path }) => path)).toEqual([
      'steps.delta',
    ]);
  });

  it('keeps the hash of a configuration from before steps had settings of their own', () => {
    const before = resolveConfig({ branching: { delta: 6 } }, SHIPPED_FACTS);
    expect(before).not.toHaveProperty('steps');
    expect(before.branching.delta).toBe(6);
    expect(configHash(resolveConfig({ steps: { separator: 'blank-line', delta: 6 } }, SHIPPED_FACTS))).toBe(
      configHash(before),
    );
    const finer = resolveConfig({ steps: { separator: 'line', delta: 6 } }, SHIPPED_FACTS);
    expect(configHash(finer)).not.toBe(configHash(before));
    expect(resolveConfig(finer, SHIPPED_FACTS)).toEqual(finer);
  });

  it('takes greedy evaluation, but no greedy training, and shares of the probability above 0', () => {
    expect(resolveConfig({ evaluation: { temperature: 0 } }, SHIPPED_FACTS)).toMatchObject({
      sampling: { temperature: 1, topK: 0, topP: 1 },
      evaluation: { temperature: 0, topK: 0, topP: 1 },
    });
    const problems = problemsOf({ sampling: { temperature: 0, topP: 0, topK: -1 }, evaluation: { topP: 1.01 } });
    expect(problems.map(({ path }) => path).sort()).toEqual([
      'evaluation.topP',
      'sampling.temperature',
      'sampling.topK',
      'sampling.topP',
    ]);
  });

  it('does not judge a rule about a field that is wrong by itself', () => {
    expect(problemsOf({ branching: { minTokenDistance: 512 }, sampling: { maxResponseTokens: -5 } })).toHaveLength(1);
  });

  it('leaves alone what an algorithm does not use', () => {
    const branching = { minTokenDistance: 10_000 };
    expect(problemsOf({ branching }).map(({ path }) => path)).toEqual(['branching.minTokenDistance']);
    for (const algorithm of ['treerl', 'grpo']) expect(problemsOf({ algorithm, branching })).toEqual([]);
  });

  it('says what is missing within an optional part', () => {
    expect(problemsOf({ from: {} }).map(({ path }) => path)).toEqual(['from.record']);
    const from = { record: { sha256: 'x' } };
    expect(problemsOf({ from, seed: -1 }).map(({ path }) => path)).toEqual([
      'seed',
      'from.record.sha256',
      'from.record.bytes',
      'from.record.kind',
    ]);
  });

  it('comes to an end, with a path for each problem, whatever the form', () => {
    const whole = {
      ...resolveConfig({}, SHIPPED_FACTS),
      from: { record: { sha256: '', bytes: 1, kind: 'iteration-record' } },
    };
    const paths = fc.constantFrom(...pathsOf(whole));
    const changes = fc.array(fc.tuple(paths, fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(changes, (list) => {
        const form = list.reduce<unknown>((changed, [path, value]) => withValue(changed, path, value), whole);
        for (const { path, problem } of problemsOf(JSON.parse(JSON.stringify(form)))) {
          expect([typeof path, problem.length > 0]).toEqual(['string', true]);
        }
      }),
    );
  });

  it.each([
    [{ algorithm: 'grpo', sampling: { responsesPerProblem: 1 } }, 'sampling.responsesPerProblem'],
    [{ algorithm: 'grpo', adaptiveSampling: { enabled: true } }, 'adaptiveSampling.enabled'],
    [{ adaptiveSampling: { responsesDrawn: 2 } }, 'adaptiveSampling.responsesDrawn'],
    [{ algorithm: 'treerl', adaptiveSampling: { responsesDrawn: 12 } }, 'adaptiveSampling.responsesDrawn'],
    [{ sampling: { problemsPerIteration: 97 } }, 'sampling.problemsPerIteration'],
    [{ update: { tokenBudget: 100 } }, 'update.tokenBudget'],
    [{ evaluation: { sets: ['a', 'a'] } }, 'evaluation.sets'],
    [{ algorithm: 'treerl', update: { oldLogProbs: 'update', miniBatchPaths: 1000 } }, 'update.oldLogProbs'],
    [{ algorithm: 'grpo', update: { oldLogProbs: 'update', miniBatchPaths: 100 } }, 'update.oldLogProbs'],
    [
      { algorithm: 'grpo', pipeline: 'one-step-off-policy', update: { oldLogProbs: 'update', miniBatchPaths: 1000 } },
      'update.oldLogProbs',
    ],
    ['attnrl', ''],
    [[], ''],
  ])('refuses %j', (form, path) => {
    expect(problemsOf(form).map((problem) => problem.path)).toEqual([path]);
  });

  it('hashes what it means, not how it was written', () => {
    const hash = configHash(resolveConfig({}, SHIPPED_FACTS));
    expect(configHash(resolveConfig({ seed: 0, algorithm: 'attnrl' }, SHIPPED_FACTS))).toBe(hash);
    expect(configHash(resolveConfig({ seed: 1 }, SHIPPED_FACTS))).not.toBe(hash);
  });

  it('is frozen', () => {
    expect(Object.isFrozen(resolveConfig({}, SHIPPED_FACTS).update.betas)).toBe(true);
  });
});

/** Of all values, those within others too. */
function pathsOf(value: object): string[][] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => [
    [key],
    ...(typeof inner === 'object' && inner !== null ? pathsOf(inner).map((path) => [key, ...path]) : []),
  ]);
}

/** A copy in which another value stands there; without the key where it is undefined. */
function withValue(holder: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (typeof holder !== 'object' || holder === null) return holder;
  const inner = withValue(Reflect.get(holder, key), rest, value);
  return Array.isArray(holder)
    ? Object.assign([...(holder as unknown[])], { [key]: inner })
    : { ...holder, [key]: inner };
}

/** Paths of the values; what is by name of a set is one. */
function leaves(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    const path = `${prefix}${key}`;
    const whole = typeof inner !== 'object' || inner === null || Array.isArray(inner);
    return whole || /(evaluation|samplesBySet)$/.test(path.replace(/^evaluation$/, ''))
      ? [path]
      : leaves(inner, `${path}.`);
  });
}

describe('configs/', () => {
  const folder = new URL('../../configs/', import.meta.url);
  it.each(readdirSync(folder).filter((name) => name !== 'schema.json'))('%s resolves', (name) => {
    const form: unknown = JSON.parse(readFileSync(new URL(name, folder), 'utf8'));
    expect(problemsOf(form)).toEqual([]);
  });

  it.each(readdirSync(folder).filter((name) => name.endsWith('-1.5b.json')))(
    '%s: the source of every value is in docs/paper-configuration.md',
    (name) => {
      const docs = readFileSync(new URL('../docs/paper-configuration.md', folder), 'utf8');
      const form = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as object;
      const missing = leaves(form).filter((path) => path !== '$schema' && !docs.includes(`\`${path}\``));
      expect(missing).toEqual([]);
    },
  );

  it('schema.json is the form (npx vitest run test/contracts -u writes it anew)', async () => {
    const schema = JSON.stringify(z.toJSONSchema(runForm, { io: 'input' }));
    await expect(await format(schema, { parser: 'json', printWidth: 120 })).toMatchFileSnapshot(
      '../../configs/schema.json',
    );
  });
});
