import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEFAULT_DEMONSTRATORS, demonstrators } from '../../tasks/straight-line/demonstrator.js';
import { DEFAULT_PROGRAMS, programAt, splitOf } from '../../tasks/straight-line/generator.js';
import { evaluationProblems, trainingProblems } from '../../tasks/straight-line/problem-sets.js';
import type { Operator, Program } from '../../tasks/straight-line/program.js';
import {
  answerOf,
  canonicalForm,
  evaluate,
  OPERATORS,
  renderProblem,
  renderResponse,
  trueArithmetic,
  VARIABLE_NAMES,
} from '../../tasks/straight-line/program.js';
import { rewardOf } from '../../tasks/reward.js';

const example: Program = [
  { name: 'e', left: { digit: 4 }, operator: '+', right: { digit: 1 } },
  { name: 's', left: { line: 0 }, operator: '-', right: { line: 0 } },
  { name: 'z', left: { line: 0 }, operator: '+', right: { line: 1 } },
  { name: 'y', left: { line: 2 }, operator: '-', right: { digit: 0 } },
];

const everyFact = OPERATORS.flatMap((operator) =>
  Array.from({ length: 100 }, (_, i) => [Math.floor(i / 10), operator, i % 10] as [number, Operator, number]),
);

const anyProgram = fc
  .record({
    lines: fc.tuple(fc.integer({ min: 1, max: 16 }), fc.integer({ min: 1, max: 16 })),
    seed: fc.nat(),
    index: fc.nat(),
  })
  .map(({ lines: [a, b], seed, index }) =>
    programAt({ ...DEFAULT_PROGRAMS, lines: [Math.min(a, b), Math.max(a, b)] }, 'train', seed, index),
  );

test('problem and response of the example', () => {
  expect(renderProblem(example)).toBe('e:4+1;s:e-e;z:e+s;y:z-0;y?');
  expect(renderResponse(example, trueArithmetic)).toBe(
    '<think>e:4+1>e5\n\ns:e5-e5>s0\n\nz:e5+s0>z5\n\ny:z5-0>y5\n\n</think>\\boxed{5}',
  );
});

test('arithmetic is modulo 10', () => {
  expect([trueArithmetic(7, '+', 8), trueArithmetic(3, '-', 8), trueArithmetic(7, '*', 8)]).toEqual([5, 5, 6]);
});

test('a wrong fact spreads to all that depends on it, and nowhere else', () => {
  const wrong = (a: number, operator: Operator, b: number): number =>
    a === 4 && operator === '+' && b === 1 ? 7 : trueArithmetic(a, operator, b);
  expect(evaluate(example, wrong)).toEqual([7, 0, 7, 7]);
  expect(renderResponse(example, wrong)).toContain('z:e7+s0>z7');
});

test('lines refer to earlier lines, names differ, programs are addressed by seed and index', () => {
  fc.assert(
    fc.property(anyProgram, (program) => {
      expect(new Set(program.map((line) => line.name)).size).toBe(program.length);
      for (const [i, line] of program.entries()) {
        for (const operand of [line.left, line.right]) {
          if ('line' in operand) expect(operand.line).toBeLessThan(i);
        }
      }
    }),
  );
  expect(programAt(DEFAULT_PROGRAMS, 'train', 1, 2)).toEqual(programAt(DEFAULT_PROGRAMS, 'train', 1, 2));
  expect(programAt(DEFAULT_PROGRAMS, 'train', 1, 2)).not.toEqual(programAt(DEFAULT_PROGRAMS, 'train', 2, 2));
});

test('the right response earns the reward', () => {
  fc.assert(
    fc.property(anyProgram, (program) => {
      expect(rewardOf(renderResponse(program, trueArithmetic), answerOf(program)).reward).toBe(1);
    }),
  );
});

test('shares of references are those asked for', () => {
  const reached = { first: 0, previous: 0, digit: 0, other: 0 };
  for (let index = 0; index < 400; index++) {
    const settings = { lines: [9, 9], referenceShare: 0.8, firstShare: 0.5, previousShare: 0.5 } as const;
    for (const [i, line] of programAt(settings, 'train', 3, index).entries()) {
      if (i < 4) continue;
      for (const operand of [line.left, line.right]) {
        if ('digit' in operand) reached.digit += 1;
        else if (operand.line < 2) reached.first += 1;
        else if (operand.line === i - 1) reached.previous += 1;
        else reached.other += 1;
      }
    }
  }
  const total = 400 * 5 * 2;
  expect(reached.other).toBe(0);
  expect(reached.digit / total).toBeCloseTo(0.2, 1);
  expect(reached.first / total).toBeCloseTo(0.4, 1);
  expect(reached.previous / total).toBeCloseTo(0.4, 1);
});

test('impossible lengths are refused', () => {
  for (const lines of [
    [0, 3],
    [5, 4],
    [1, VARIABLE_NAMES.length + 1],
  ] as const) {
    expect(() => programAt({ ...DEFAULT_PROGRAMS, lines }, 'train', 0, 0)).toThrow(RangeError);
  }
});

test('renaming variables does not change the side of the split', () => {
  fc.assert(
    fc.property(anyProgram, fc.shuffledSubarray(VARIABLE_NAMES, { minLength: 16 }), (program, names) => {
      const renamed = program.map((line, i) => ({ ...line, name: names[i] }));
      expect(canonicalForm(renamed)).toBe(canonicalForm(program));
      expect(splitOf(renamed)).toBe(splitOf(program));
    }),
  );
});

test('training and held-out problems never meet', () => {
  const names = new RegExp(`[${VARIABLE_NAMES.join('')}]`, 'g');
  const shape = (prompt: string): string => {
    const order = new Map<string, number>();
    return prompt.replace(names, (name) => {
      if (!order.has(name)) order.set(name, order.size);
      return `v${order.get(name)} `;
    });
  };
  const training = trainingProblems(0);
  const seen = new Set<string>();
  for (let i = 0; i < training.size; i++) seen.add(shape(training.problem(i).prompt as string));
  for (const set of evaluationProblems()) {
    for (let i = 0; i < set.size; i++) expect(seen.has(shape(set.problem(i).prompt as string))).toBe(false);
  }
});

test('six evaluation sets of distinct problems', () => {
  const sets = evaluationProblems();
  expect(sets).toHaveLength(6);
  const prompts = sets.flatMap((set) => Array.from({ length: set.size }, (_, i) => set.problem(i).prompt));
  expect(new Set(prompts).size).toBe(prompts.length);
});

test('two in five facts are hard, and a demonstrator gets two in three of them wrong in his own way', () => {
  const all = demonstrators({ ...DEFAULT_DEMONSTRATORS, demonstrators: 50 });
  const wrong = all.map((arithmetic) => everyFact.filter((fact) => arithmetic(...fact) !== trueArithmetic(...fact)));
  const hard = new Set(wrong.flat().map((fact) => fact.join(' ')));
  expect(hard.size).toBe(120);
  expect(wrong.flat().length / 50 / 120).toBeCloseTo(2 / 3, 1);
  const [first, second] = all as [(typeof all)[0], (typeof all)[0]];
  expect(everyFact.some((fact) => first(...fact) !== second(...fact))).toBe(true);
});

test('demonstrators answer with digits', () => {
  for (const arithmetic of demonstrators(DEFAULT_DEMONSTRATORS)) {
    for (const fact of everyFact) expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).toContain(arithmetic(...fact));
  }
});

test('problems outside a source are refused', () => {
  const source = trainingProblems(0, DEFAULT_PROGRAMS, 10);
  expect(() => source.problem(10)).toThrow(RangeError);
  expect(() => source.problem(-1)).toThrow(RangeError);
  expect(source.problem(9)).toMatchObject({ index: 9, id: 'train/9' });
});
