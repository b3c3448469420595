import fc from 'fast-check';
import { expect, test } from 'vitest';
import { miniBatches } from '../../algorithm/mini-batches.js';

const paths = fc.array(fc.integer({ min: 1, max: 30 }));

test('every problem is in one mini-batch, and none is over its size unless a problem alone is', () => {
  fc.assert(
    fc.property(paths, fc.integer({ min: 1, max: 60 }), fc.nat(), (counts, size, seed) => {
      const batches = miniBatches(counts, size, seed, 3);
      expect(batches.flat().toSorted((a, b) => a - b)).toEqual(counts.map((_, problem) => problem));
      for (const batch of batches) {
        const total = batch.reduce((sum, problem) => sum + counts[problem], 0);
        expect(batch.length === 1 || total <= size).toBe(true);
      }
    }),
  );
});

test('the order depends on seed and iteration only', () => {
  const counts = new Array<number>(40).fill(5);
  expect(miniBatches(counts, 50, 1, 2)).toEqual(miniBatches(counts, 50, 1, 2));
  expect(miniBatches(counts, 50, 1, 3)).not.toEqual(miniBatches(counts, 50, 1, 2));
  expect(miniBatches(counts, 50, 2, 2)).not.toEqual(miniBatches(counts, 50, 1, 2));
});

test('problems that fill a mini-batch exactly go into it', () => {
  expect(miniBatches(new Array<number>(6).fill(5), 10, 1, 0).map(({ length }) => length)).toEqual([2, 2, 2]);
});

test('nothing to train on gives no mini-batch', () => {
  expect(miniBatches([], 192, 1, 0)).toEqual([]);
});
