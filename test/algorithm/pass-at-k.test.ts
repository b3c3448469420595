import fc from 'fast-check';
import { expect, test } from 'vitest';
import { passAtK } from '../../algorithm/pass-at-k.js';

/** By counting: the share of the choices of k of n samples that hold one of the c correct ones. */
function counted(n: number, c: number, k: number): number {
  let hits = 0;
  let all = 0;
  for (let chosen = 0; chosen < 2 ** n; chosen++) {
    const ones = chosen.toString(2).split('1').length - 1;
    if (ones !== k) continue;
    all += 1;
    if ((chosen & (2 ** c - 1)) !== 0) hits += 1;
  }
  return hits / all;
}

test('is the share of the choices of k samples with a correct one', () => {
  const cases = fc
    .integer({ min: 1, max: 9 })
    .chain((n) => fc.tuple(fc.constant(n), fc.integer({ min: 0, max: n }), fc.integer({ min: 1, max: n })));
  fc.assert(
    fc.property(cases, ([n, c, k]) => {
      expect(passAtK(n, c, k)).toBeCloseTo(counted(n, c, k), 12);
    }),
  );
});

test('pass@1 is the accuracy; of a thousand samples nothing overflows', () => {
  expect(passAtK(32, 8, 1)).toBeCloseTo(0.25, 12);
  expect(passAtK(1024, 1, 512)).toBeCloseTo(0.5, 12);
  expect(passAtK(1024, 0, 512)).toBe(0);
});

test('k is at most the number of samples', () => {
  expect(() => passAtK(4, 2, 8)).toThrow('pass@8 cannot be told from 4 samples');
});
