import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { branchByAttention, branchByEntropy, quantile } from '../../algorithm/branching.js';
import { adjacentSteps, influence } from './arbitraries.js';

const paper = { points: 2, minTokenDistance: 512, quantile: 0.8 };

const responseCase = fc.array(fc.tuple(fc.integer({ min: 1, max: 12 }), influence), { maxLength: 25 }).chain((steps) =>
  fc.record({
    promptLength: fc.nat(20),
    lengths: fc.constant(steps.map(([length]) => length)),
    fci: fc.constant(steps.map(([, value]) => value)),
    points: fc.nat(4),
    minTokenDistance: fc.nat(30),
    quantile: fc.constantFrom(0, 0.5, 0.8, 1),
  }),
);

describe('branching by attention', () => {
  test('chooses N steps of a response with at least two, none otherwise', () => {
    fc.assert(
      fc.property(responseCase, ({ promptLength, lengths, fci, ...settings }) => {
        const steps = adjacentSteps(promptLength, lengths);
        const { points } = branchByAttention(steps, fci, promptLength, settings);
        expect(points).toHaveLength(lengths.length < 2 ? 0 : settings.points);
      }),
    );
  });

  test('branches inside the response, at starts of steps, never at the first', () => {
    fc.assert(
      fc.property(responseCase, ({ promptLength, lengths, fci, ...settings }) => {
        const steps = adjacentSteps(promptLength, lengths);
        const total = lengths.reduce((sum, length) => sum + length, 0);
        const branching = branchByAttention(steps, fci, promptLength, settings);
        expect(branching.points).toEqual(branching.points.toSorted((a, b) => a - b));
        for (const point of branching.points) {
          expect(point > 0 && point < total).toBe(true);
          expect(steps.some(([start]) => start === point + promptLength)).toBe(true);
        }
      }),
    );
  });

  test('takes candidates first, which keep their distance; the others fill from the front', () => {
    fc.assert(
      fc.property(responseCase, ({ promptLength, lengths, fci, ...settings }) => {
        const steps = adjacentSteps(promptLength, lengths);
        const chosen = branchByAttention(steps, fci, promptLength, settings);
        for (const candidate of chosen.candidates) expect(fci[candidate]).toBeGreaterThanOrEqual(chosen.threshold);
        const kept: number[] = [];
        for (const step of chosen.candidates) {
          const far = kept.every((other) => steps[step][0] - steps[other][1] >= settings.minTokenDistance);
          if (kept.length < settings.points && steps[step][0] >= settings.minTokenDistance && far) kept.push(step);
        }
        expect(chosen.steps.slice(0, kept.length)).toEqual(kept);
        const others = steps.map((_, step) => step).filter((step) => step >= 1 && !kept.includes(step));
        const missing = Math.max(Math.min(settings.points, Math.max(steps.length - 1, 0)) - kept.length, 0);
        expect(chosen.steps.slice(kept.length, kept.length + missing)).toEqual(others.slice(0, missing));

        expect(chosen.points).toEqual(chosen.reasons.map(({ step }) => steps[step][0] - promptLength));
        const because = (reason: string) => chosen.reasons.filter(({ why }) => why === reason).map(({ step }) => step);
        const ascending = (of: readonly number[]) => of.toSorted((a, b) => a - b);
        expect(because('influence')).toEqual(ascending(kept));
        expect(because('front')).toEqual(ascending(others.slice(0, missing)));
        expect(because('repeat')).toHaveLength(chosen.steps.length - kept.length - missing);
      }),
    );
  });

  test('repeats the steps of a very short response in turn', () => {
    const steps = adjacentSteps(5, [3, 4, 5]);
    const { points, steps: chosen } = branchByAttention(steps, [0, 0, 0], 5, { ...paper, points: 5 });
    expect(chosen).toEqual([1, 2, 1, 2, 1]);
    expect(points).toEqual([3, 3, 3, 7, 7]);
  });

  test('counts the prompt in the distance from the start, and measures gaps from the end of the earlier step', () => {
    const fci = [0.5, 0.5, 0.5, 0.5];
    const chosen = (lengths: number[]) => branchByAttention(adjacentSteps(500, lengths), fci, 500, paper).steps;
    expect(chosen([12, 100, 512, 30])).toEqual([1, 3]);
    expect(chosen([12, 100, 511, 30])).toEqual([1, 2]);
    expect(chosen([11, 100, 513, 30])).toEqual([2, 1]);
  });

  test('falls back to the smallest positive influence when the quantile is zero', () => {
    const fci = [0, 0, 0, 0, 0, 0, 0, 0.3, 0, 0.2, 0, 0];
    const { threshold, candidates } = branchByAttention(
      adjacentSteps(
        0,
        fci.map(() => 1),
      ),
      fci,
      0,
      paper,
    );
    expect(threshold).toBe(0.2);
    expect(candidates).toEqual([7, 9]);
  });

  test('refuses influences of another number of steps', () => {
    expect(() => branchByAttention(adjacentSteps(0, [1, 1]), [0], 0, paper)).toThrow(RangeError);
  });
});

describe('quantile', () => {
  test('of whole rank is an order statistic, whatever the rounding of the product', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.constantFrom(0.2, 0.6, 0.7, 0.8, 0.9), (tens, q) => {
        const values = Array.from({ length: tens * 10 + 1 }, (_, i) => i * 0.1);
        expect(quantile(values, q)).toBe(values[Math.round(q * 10) * tens]);
      }),
    );
  });

  test('between two values is on the line between them', () => {
    expect(quantile([4, 1, 2], 0.75)).toBe(3);
    expect(quantile([5], 0.8)).toBe(5);
  });

  test('lies within the values and does not depend on their order', () => {
    fc.assert(
      fc.property(fc.array(influence, { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const value = quantile(values, q);
        expect(value >= Math.min(...values) - 1e-12 && value <= Math.max(...values) + 1e-12).toBe(true);
        expect(quantile(values.toReversed(), q)).toBe(value);
      }),
    );
  });
});

describe('branching by entropy', () => {
  test('takes the most uncertain tokens, earlier ones at ties, never the last', () => {
    expect(branchByEntropy([1, 3, 3, 2, 9], 2)).toEqual([1, 2]);
    expect(branchByEntropy([1, 1, 1, 1], 2)).toEqual([0, 1]);
    expect(branchByEntropy([5, 1], 2)).toEqual([0]);
    expect(branchByEntropy([5], 2)).toEqual([]);
    expect(branchByEntropy([], 2)).toEqual([]);
  });

  test('leaves out no token more uncertain than one it takes', () => {
    fc.assert(
      fc.property(fc.array(influence), fc.nat(5), (entropies, points) => {
        const chosen = branchByEntropy(entropies, points);
        expect(chosen).toHaveLength(Math.min(points, Math.max(entropies.length - 1, 0)));
        const least = Math.min(...chosen.map((token) => entropies[token]));
        entropies.slice(0, -1).forEach((entropy, token) => {
          if (chosen.length > 0 && !chosen.includes(token)) expect(entropy).toBeLessThanOrEqual(least);
        });
      }),
    );
  });
});
