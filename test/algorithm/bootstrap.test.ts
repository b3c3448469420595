import { describe, expect, test } from 'vitest';
import { bootstrapIntervals } from '../../algorithm/bootstrap.js';
import { openStream, Purpose, uniformAt } from '../../algorithm/random.js';

const accuracies = (count: number, key: number, share: number): number[] => {
  const stream = openStream(11, Purpose.task, [key]);
  return Array.from({ length: count }, (_, i) => Number(uniformAt(stream, i) < share));
};

describe('bootstrapIntervals', () => {
  test('of problems that are right or wrong: as wide as the normal approximation', () => {
    const values = accuracies(500, 0, 0.6);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const half = 1.96 * Math.sqrt((mean * (1 - mean)) / values.length);
    const { sets } = bootstrapIntervals([values], 0, [1]);
    expect(sets[0].low).toBeCloseTo(mean - half, 2);
    expect(sets[0].high).toBeCloseTo(mean + half, 2);
  });

  test('covers the true share about 95 times in 100', () => {
    const hits = Array.from({ length: 60 }, (_, i) => {
      const { sets } = bootstrapIntervals([accuracies(40, i, 0.5)], i, [0]);
      return sets[0].low <= 0.5 && 0.5 <= sets[0].high;
    }).filter(Boolean).length;
    expect(hits).toBeGreaterThanOrEqual(50);
    expect(hits).toBeLessThan(60);
  });

  test('a set is resampled alike, whatever the others are, and the mean is surer than the sets', () => {
    const [a, b] = [accuracies(100, 0, 0.5), accuracies(100, 1, 0.5)];
    const both = bootstrapIntervals([a, b], 7, [3, 4]);
    expect(both.sets[1]).toEqual(bootstrapIntervals([b], 7, [4]).sets[0]);
    const width = ({ low, high }: { low: number; high: number }): number => high - low;
    expect(width(both.mean)).toBeLessThan(0.85 * Math.min(...both.sets.map(width)));
    expect(both).toEqual(bootstrapIntervals([a, b], 7, [3, 4]));
  });

  test('nothing varies where all problems are alike, or where there is one or none', () => {
    const { sets, mean } = bootstrapIntervals([[1, 1, 1], [0.5], []], 0, [0, 1, 2]);
    expect(sets).toEqual([
      { low: 1, high: 1 },
      { low: 0.5, high: 0.5 },
      { low: 0, high: 0 },
    ]);
    expect(mean).toEqual({ low: 0.5, high: 0.5 });
  });
});
