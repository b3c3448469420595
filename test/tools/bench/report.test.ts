import { expect, test } from 'vitest';
import { best, median } from '../../../tools/bench/in-turn.js';
import { alone, higherIsBetter, lowerIsBetter, renderTable, toJson } from '../../../tools/bench/report.js';

const measured = { case: 'c', metric: 'm', unit: 'u', ours: 10, peer: 4 };

test('a ratio above 1 means that ours is better', () => {
  expect(higherIsBetter(measured).ratio).toBe(2.5);
  expect(lowerIsBetter(measured).ratio).toBe(0.4);
});

test('the table says whether the target was met', () => {
  expect(renderTable([higherIsBetter(measured, 2.5)])).toContain('met (2.5x)');
  expect(renderTable([higherIsBetter(measured, 2.6)])).toContain('MISSED (2.6x)');
  expect(renderTable([alone(measured, 9)])).toContain('MISSED (at most 9)');
});

test('the JSON has the fields that readers rely on, and no others', () => {
  expect(
    toJson('b', { cpu: 'x' }, [lowerIsBetter(measured, 3), alone({ case: 'c', metric: 'm', unit: 'u', ours: 1 }, 2)]),
  ).toEqual({
    bench: 'b',
    machine: { cpu: 'x' },
    rows: [
      { ...measured, ratio: 0.4 },
      { case: 'c', metric: 'm', unit: 'u', ours: 1, peer: null, ratio: null },
    ],
  });
});

test('the median is the middle value; best is the smallest with its name', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(best({ eager: 3, sdpa: 2 })).toEqual({ name: 'sdpa', value: 2 });
  expect(() => best({})).toThrow(RangeError);
});
