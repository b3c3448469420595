import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keepBest } from '../../algorithm/keep-best.js';
import { influence } from './arbitraries.js';

const responses = fc.array(fc.tuple(fc.boolean(), fc.array(influence, { maxLength: 5 })), {
  minLength: 1,
  maxLength: 14,
});

test('keeps n different responses in order, the best of each class', () => {
  fc.assert(
    fc.property(responses, fc.nat(14), (drawn, kept) => {
      const correct = drawn.map(([verdict]) => verdict);
      const scores = drawn.map(([, steps]) => Math.max(0, ...steps));
      const chosen = keepBest(
        correct,
        drawn.map(([, steps]) => steps),
        kept,
      );
      expect(chosen).toHaveLength(Math.min(kept, drawn.length));
      expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
      for (const verdict of [true, false]) {
        const ofClass = correct.flatMap((each, response) => (each === verdict ? [response] : []));
        const inside = ofClass.filter((response) => chosen.includes(response));
        const outside = ofClass.filter((response) => !chosen.includes(response));
        expect(inside.length).toBeGreaterThanOrEqual(Math.min(ofClass.length, Math.floor(kept / 2)));
        const least = Math.min(...inside.map((response) => scores[response]));
        if (inside.length > 0) for (const response of outside) expect(scores[response]).toBeLessThanOrEqual(least);
      }
    }),
  );
});

test('takes the maximum over steps as score, the earlier response at ties', () => {
  expect(
    keepBest(
      [true, true, true],
      [
        [0.1, 0.5],
        [0.4, 0.4],
        [0, 0.5],
      ],
      2,
    ),
  ).toEqual([0, 2]);
  expect(keepBest([true, true, true], [[0.5], [0.5], [0.5]], 2)).toEqual([0, 1]);
});

test('keeps all of a class that is too small', () => {
  const correct = [true, false, true, true, true, true];
  expect(keepBest(correct, [[1], [0], [2], [3], [4], [5]], 4)).toEqual([1, 3, 4, 5]);
});
