import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawSizes, nextBatchSize, targetRows } from '../../algorithm/batch-size.js';

const settings = fc.record({
  targetRows: fc.integer({ min: 1, max: 10_000 }),
  lambda: fc.double({ min: 0, max: 1, noNaN: true }),
  maxProblems: fc.integer({ min: 1, max: 500 }),
  dataSetSize: fc.integer({ min: 1, max: 50_000 }),
});
const unbounded = { targetRows: 1920, lambda: 0.1, maxProblems: Infinity, dataSetSize: Infinity };

test('the batch size is always a whole number within its bounds', () => {
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 1000 }), fc.array(fc.nat(20_000)), (given, first, rows) => {
      for (const size of drawSizes(first, rows, 2, given)) {
        expect(Number.isInteger(size)).toBe(true);
        expect(size).toBeGreaterThanOrEqual(1);
        expect(size).toBeLessThanOrEqual(Math.min(given.maxProblems, given.dataSetSize));
      }
    }),
  );
});

test('the setting of the authors wants 1920 rows', () => {
  expect(targetRows(64, 6, 2, 2)).toBe(1920);
});

test('moves a tenth of the way, rounding up; too few rows draw more, too many fewer', () => {
  expect(nextBatchSize(64, 1920, unbounded)).toBe(64);
  expect(nextBatchSize(64, 960, unbounded)).toBe(71);
  expect(nextBatchSize(64, 3840, unbounded)).toBe(61);
  expect(nextBatchSize(64, 806, unbounded)).toBe(73);
});

test('rounds the estimate down before smoothing, and never falls below one problem', () => {
  const unsmoothed = { ...unbounded, lambda: 1 };
  expect(nextBatchSize(64, 806, unsmoothed)).toBe(152);
  expect(nextBatchSize(1, 5000, unsmoothed)).toBe(1);
});

test('a batch that left nothing keeps the size', () => {
  expect(nextBatchSize(64, 0, unbounded)).toBe(64);
});

test('never falls when fewer rows were left', () => {
  fc.assert(
    fc.property(settings, fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 9999 }), (given, size, rows) => {
      expect(nextBatchSize(size, rows, given)).toBeGreaterThanOrEqual(nextBatchSize(size, rows + 1, given));
    }),
  );
});

test('draw t + lag answers batch t', () => {
  const rows = [960, 1920, 480];
  const answers = drawSizes(64, rows, 0, unbounded);
  expect(drawSizes(64, rows, 2, unbounded)).toEqual([64, 64, ...answers]);
  expect(drawSizes(64, rows, 3, unbounded)).toEqual([64, 64, 64, ...answers]);
});
