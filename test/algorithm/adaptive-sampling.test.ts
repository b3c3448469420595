import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addToMean,
  branchCount,
  drawSelection,
  meanInfluence,
  meanOf,
  NO_INFLUENCE_MEANS,
  NO_MEAN,
  selectForBranching,
} from '../../algorithm/adaptive-sampling.js';
import type { ScoredProblem } from '../../algorithm/adaptive-sampling.js';
import { exceeds, plus, roundSum, sumExactly } from '../../algorithm/exact-sum.js';
import { openStream, Purpose } from '../../algorithm/random.js';
import { influence } from './arbitraries.js';

const scoredProblem: fc.Arbitrary<ScoredProblem> = fc
  .array(fc.tuple(fc.boolean(), fc.array(influence, { maxLength: 8 })), { minLength: 1, maxLength: 8 })
  .chain((responses) =>
    fc.constantFrom(undefined, true, false).map((all) => ({
      correct: responses.map(([correct]) => all ?? correct),
      influence: responses.map(([, steps]) => steps),
    })),
  );
const batch = fc.array(scoredProblem, { maxLength: 8 });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e12, max: 1e12 });

describe('exact sums', () => {
  test('do not depend on the order of their terms', () => {
    fc.assert(
      fc.property(fc.array(finite), (terms) => {
        expect(sumExactly(terms.toReversed())).toBe(sumExactly(terms));
        expect(sumExactly(terms.toSorted((a, b) => a - b))).toBe(sumExactly(terms));
      }),
    );
  });

  test('lose nothing', () => {
    expect(sumExactly([1e16, 1, -1e16])).toBe(1);
    expect(sumExactly(new Array<number>(10).fill(0.1))).toBe(1);
    expect(sumExactly([1e16, 1, 1e-16])).toBe(1e16 + 2);
    expect(sumExactly([1e16, 1, -1e-16])).toBe(1e16);
    fc.assert(
      fc.property(fc.array(finite), (terms) => {
        const sum = terms.reduce(plus, []);
        expect(roundSum(terms.reduce((rest, term) => plus(rest, -term), sum))).toBe(0);
      }),
    );
  });

  test('tell a value from the mean of equal values: neither above nor below', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 8, noNaN: true }), fc.integer({ min: 1, max: 300 }), (value, count) => {
        const sum = new Array<number>(count).fill(value).reduce(plus, []);
        expect(exceeds(value, count, sum)).toBe(false);
        expect(exceeds(value * (1 + 2 ** -51), count, sum)).toBe(true);
      }),
    );
  });
});

describe('the number of responses to branch', () => {
  test('is n for a problem never solved, ceil(n / e) for one always solved, falling between', () => {
    expect([0, 1, 2, 3, 4, 5, 6].map((correct) => branchCount(6, correct))).toEqual([6, 6, 5, 4, 4, 3, 3]);
    for (let n = 1; n <= 64; n += 1) {
      expect(branchCount(n, 0)).toBe(n);
      expect(branchCount(n, n)).toBe(Math.ceil(n / Math.E));
      for (let correct = 1; correct <= n; correct += 1) {
        expect(branchCount(n, correct)).toBeLessThanOrEqual(branchCount(n, correct - 1));
        expect(branchCount(n, correct)).toBeGreaterThanOrEqual(1);
      }
    }
  });
});

describe('selection', () => {
  test('branches count(z) different responses of a kept problem, none of a dropped one', () => {
    fc.assert(
      fc.property(batch, fc.nat(), (problems, seed) => {
        const { selections } = selectForBranching(problems, NO_INFLUENCE_MEANS);
        selections.forEach((selection, q) => {
          const { correct } = problems[q];
          const right = correct.filter(Boolean).length;
          const chosen = drawSelection(selection, openStream(seed, Purpose.responseSelection, [0, q]));
          if (selection.dropped) expect(right).toBe(correct.length);
          expect(chosen).toHaveLength(selection.dropped ? 0 : branchCount(correct.length, right));
          expect(chosen).toEqual([...new Set(chosen)].sort((a, b) => a - b));
          expect(chosen.every((response) => response in correct)).toBe(true);
          if (right > 0 && right < correct.length) {
            const minority = right * 2 < correct.length;
            correct.forEach((verdict, response) => {
              if (verdict === minority) expect(chosen).toContain(response);
            });
          }
        });
      }),
    );
  });

  test('does not depend on the order of the problems in the batch', () => {
    fc.assert(
      fc.property(batch, (problems) => {
        const forward = selectForBranching(problems, NO_INFLUENCE_MEANS);
        const backward = selectForBranching(problems.toReversed(), NO_INFLUENCE_MEANS);
        expect(backward.selections.toReversed()).toEqual(forward.selections);
        expect(meanOf(backward.means.allCorrect)).toBe(meanOf(forward.means.allCorrect));
        expect(meanOf(backward.means.allWrong)).toBe(meanOf(forward.means.allWrong));
      }),
    );
  });

  test('drops an always solved problem that is not strictly above the mean, its own batch included', () => {
    const solved = (value: number): ScoredProblem => ({
      correct: [true, true, true],
      influence: [[value], [value], [value]],
    });
    const dropped = (problems: ScoredProblem[], before = NO_INFLUENCE_MEANS) =>
      selectForBranching(problems, before).selections.map((selection) => selection.dropped);
    expect(dropped([solved(0.3)])).toEqual([true]);
    expect(dropped([solved(0.1), solved(0.1), solved(0.1)])).toEqual([true, true, true]);
    expect(dropped([solved(0.1), solved(0.4)])).toEqual([true, false]);
    const { means } = selectForBranching([solved(0.9)], NO_INFLUENCE_MEANS);
    expect(dropped([solved(0.4)], means)).toEqual([true]);
    expect(selectForBranching([solved(0.1), solved(0.4)], NO_INFLUENCE_MEANS).selections[1].mustBranch).toEqual([0, 1]);
  });

  test('of always solved problems never drops all the different ones', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 2 }), (values) => {
        const problems = values.map((value) => ({ correct: [true], influence: [[value / 7]] }));
        const { selections } = selectForBranching(problems, NO_INFLUENCE_MEANS);
        expect(selections.some(({ dropped }) => dropped)).toBe(true);
        expect(selections.some(({ dropped }) => !dropped)).toBe(true);
      }),
    );
  });

  test('survives a trip through JSON between batches', () => {
    fc.assert(
      fc.property(batch, batch, (first, second) => {
        const { means } = selectForBranching(first, NO_INFLUENCE_MEANS);
        const restored = JSON.parse(JSON.stringify(means)) as typeof means;
        expect(selectForBranching(second, restored)).toEqual(selectForBranching(second, means));
      }),
    );
  });
});

describe('mean influence', () => {
  test('counts every response once and every step of it, zeros included', () => {
    expect(meanInfluence([[0, 0, 0.6], [0.4]])).toBeCloseTo(0.3, 15);
    expect(meanInfluence([[], [1]])).toBe(0.5);
  });
});

describe('the running mean', () => {
  test('does not depend on the order of values, or on how they are batched', () => {
    fc.assert(
      fc.property(fc.array(influence), fc.nat(), (values, cut) => {
        const at = values.length === 0 ? 0 : cut % values.length;
        const whole = addToMean(NO_MEAN, values);
        const parts = addToMean(addToMean(NO_MEAN, values.slice(at)), values.slice(0, at));
        expect(meanOf(parts)).toBe(meanOf(whole));
        expect(parts.count).toBe(values.length);
      }),
    );
  });

  test('of nothing is null', () => {
    expect(meanOf(NO_MEAN)).toBeNull();
  });
});
