import fc from 'fast-check';
import { expect, test } from 'vitest';
import { drawProblems, epochOrder, FIRST_PROBLEM } from '../../algorithm/data-order.js';
import { word } from './arbitraries.js';

const order = fc.record({ seed: word, size: fc.integer({ min: 1, max: 40 }) });

test('every epoch holds every problem exactly once', () => {
  fc.assert(
    fc.property(order, fc.nat(5), (data, epoch) => {
      expect(epochOrder(data, epoch).toSorted((a, b) => a - b)).toEqual(Array.from({ length: data.size }, (_, i) => i));
    }),
  );
});

test('epochs and seeds have orders of their own', () => {
  const first = epochOrder({ seed: 1, size: 30 }, 0);
  expect(epochOrder({ seed: 1, size: 30 }, 1)).not.toEqual(first);
  expect(epochOrder({ seed: 2, size: 30 }, 0)).not.toEqual(first);
});

test('the sequence is the same however it is cut into draws', () => {
  fc.assert(
    fc.property(order, fc.array(fc.nat(60), { maxLength: 6 }), (data, counts) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      let cursor = FIRST_PROBLEM;
      const piecewise = counts.flatMap((count) => {
        const draw = drawProblems(data, cursor, count);
        expect(draw.indices).toHaveLength(count);
        cursor = draw.cursor;
        return draw.indices;
      });
      const whole = drawProblems(data, FIRST_PROBLEM, total);
      expect(piecewise).toEqual(whole.indices);
      expect(cursor).toEqual(whole.cursor);
      expect(cursor).toEqual({ epoch: Math.floor(total / data.size), offset: total % data.size });
    }),
  );
});

test('a draw goes on into the next epoch', () => {
  const data = { seed: 5, size: 4 };
  const { indices, cursor } = drawProblems(data, { epoch: 0, offset: 3 }, 3);
  expect(indices).toEqual([epochOrder(data, 0)[3], ...epochOrder(data, 1).slice(0, 2)]);
  expect(cursor).toEqual({ epoch: 1, offset: 2 });
});

test('an empty data set and a cursor outside it are refused', () => {
  expect(() => drawProblems({ seed: 1, size: 0 }, FIRST_PROBLEM, 1)).toThrow(RangeError);
  expect(() => drawProblems({ seed: 1, size: 3 }, { epoch: 0, offset: 3 }, 1)).toThrow(RangeError);
});
