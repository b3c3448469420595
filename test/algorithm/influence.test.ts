import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { influenceFromAttention, influenceFromPooled, poolAttention } from '../../algorithm/influence.js';
import type { StepRange } from '../../algorithm/steps.js';
import { adjacentSteps } from './arbitraries.js';

interface Attention {
  readonly stepRanges: StepRange[];
  readonly length: number;
  readonly heads: number[][];
}

/** Causal attention of up to 3 heads over prompt and up to 10 steps, rows summing to 1. */
const attention: fc.Arbitrary<Attention> = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 11 }), fc.integer({ min: 1, max: 3 }))
  .chain(([lengths, headCount]) => {
    const length = lengths.reduce((sum, each) => sum + each, 0);
    const scores = fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), {
      minLength: length * length,
      maxLength: length * length,
    });
    return fc.record({
      stepRanges: fc.constant(adjacentSteps(0, lengths)),
      length: fc.constant(length),
      heads: fc.array(
        scores.map((values) => causalRows(values, length)),
        { minLength: headCount, maxLength: headCount },
      ),
    });
  });

function causalRows(scores: readonly number[], length: number): number[] {
  return scores.map((score, i) => {
    const query = Math.floor(i / length);
    const sum = scores.slice(query * length, query * length + query + 1).reduce((total, each) => total + each, 0);
    return i % length <= query ? score / sum : 0;
  });
}

const settings = fc.record({ delta: fc.integer({ min: 1, max: 5 }), thinkEndStep: fc.integer({ min: -1, max: 8 }) });
const paper = { delta: 4, thinkEndStep: -1 };

const influenceOf = ({ heads, stepRanges, length }: Attention, using: { delta: number; thinkEndStep: number }) =>
  influenceFromAttention(heads, stepRanges, length, using);

describe('influence', () => {
  test('is the definition, written out', () => {
    fc.assert(
      fc.property(attention, settings, (given, { delta, thinkEndStep }) => {
        const { heads, stepRanges, length } = given;
        const expected = stepRanges.map(([keyStart, keyEnd], k) => {
          if (k < 2 || (thinkEndStep >= 0 && k >= thinkEndStep)) return 0;
          const perHead = heads.map((head) =>
            stepRanges.slice(k + delta).reduce((sum, [queryStart, queryEnd]) => {
              const pairs: number[] = [];
              for (let q = queryStart; q < queryEnd; q += 1)
                for (let t = keyStart; t < keyEnd; t += 1) pairs.push(head[q * length + t]);
              return sum + pairs.reduce((total, p) => total + p, 0) / pairs.length;
            }, 0),
          );
          return Math.max(...perHead);
        });
        const actual = influenceOf(given, { delta, thinkEndStep });
        actual.forEach((value, k) => expect(value).toBeCloseTo(expected[k], 12));
      }),
    );
  });

  test('is the same from attention and from attention pooled in single precision, up to its rounding', () => {
    fc.assert(
      fc.property(attention, settings, (given, using) => {
        const pooled = given.heads.map((head) =>
          Float32Array.from(poolAttention(head, given.stepRanges, given.length)),
        );
        const fromPooled = influenceFromPooled(pooled, given.stepRanges.length, using);
        influenceOf(given, using).forEach((value, k) => expect(fromPooled[k]).toBeCloseTo(value, 5));
      }),
    );
  });

  test('does not see padding or the order of heads', () => {
    fc.assert(
      fc.property(attention, settings, fc.nat(3), (given, using, pads) => {
        const padded = given.length + pads;
        const heads = given.heads.toReversed().map((head) => {
          const wide = new Array<number>(padded * padded).fill(9);
          head.forEach((p, i) => (wide[Math.floor(i / given.length) * padded + (i % given.length)] = p));
          return wide;
        });
        expect(influenceFromAttention(heads, given.stepRanges, padded, using)).toEqual(influenceOf(given, using));
      }),
    );
  });

  test('is nowhere positive with fewer than six response steps, or where later steps are nearer than delta', () => {
    fc.assert(
      fc.property(attention, (given) => {
        const steps = given.stepRanges.length - 1;
        influenceOf(given, paper).forEach((value, k) => {
          if (k >= 2 && k <= steps - 4) expect(value).toBeGreaterThan(0);
          else expect(value).toBe(0);
        });
      }),
    );
  });

  test('is at most the number of later steps', () => {
    fc.assert(
      fc.property(attention, (given) => {
        influenceOf(given, paper).forEach((value, k) => {
          expect(value).toBeLessThanOrEqual(Math.max(given.stepRanges.length - k - 4, 0) + 1e-9);
        });
      }),
    );
  });
});

test('an empty step attends to nothing and is attended by nothing', () => {
  expect([
    ...poolAttention(
      [1, 0, 0.5, 0.5],
      [
        [0, 0],
        [0, 1],
        [1, 2],
      ],
      2,
    ),
  ]).toEqual([0, 0, 0, 0, 1, 0, 0, 0.5, 0.5]);
});
