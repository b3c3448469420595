import fc from 'fast-check';
import { expect, test } from 'vitest';
import { wordProblems } from '../../../tools/bench/word-problems.js';

test('a set has no problem twice, and its smaller sets are its beginning', () => {
  fc.assert(
    fc.property(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 60 }), fc.nat({ max: 60 }), (seed, count, fewer) => {
      const problems = wordProblems(count, seed);
      expect(new Set(problems.map(({ prompt }) => prompt)).size).toBe(count);
      expect(wordProblems(Math.min(count, fewer), seed)).toEqual(problems.slice(0, fewer));
    }),
  );
});

test('the answers are what the numbers of the problem give', () => {
  const byKind: readonly ((numbers: readonly number[]) => number)[] = [
    ([a, b]) => a + b,
    ([a, b]) => a - b,
    ([a, b, c]) => a + b - c,
    ([a, b]) => a * b,
    ([a, b, c]) => a * b + c,
  ];
  for (const [kind, answer] of byKind.entries()) {
    for (const { prompt, groundTruth } of wordProblems(100, kind, { kinds: [kind] })) {
      expect(groundTruth, prompt).toBe(String(answer([...prompt.matchAll(/\d+/g)].map(Number))));
    }
  }
});

test('more problems than there are of a kind are refused', () => {
  expect(() => wordProblems(1000, 1, { kinds: [3] })).toThrow(RangeError);
});
