import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { partition } from '../../../policy/processes/partition.js';

const tokens = (request: number): number => request;

describe('dealing requests out to processes', () => {
  it('keeps every request, in order, in at most so many parts', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(300), { maxLength: 100 }), fc.integer({ min: 1, max: 8 }), (requests, most) => {
        const parts = partition(requests, most, tokens, 4);
        expect(parts.flat()).toEqual(requests);
        expect(parts.length).toBeLessThanOrEqual(most);
        expect(parts.every((part) => part.length > 0)).toBe(true);
      }),
    );
  });

  it('gives each the same work', () => {
    const parts = partition(
      Array.from({ length: 96 }, (_, i) => (i < 32 ? 200 : 100)),
      2,
      tokens,
      4,
    );
    expect(parts.map((part) => part.length)).toEqual([32, 64]);
  });

  it('does not spread a few rows', () => {
    expect(partition([10, 10, 10], 4, tokens, 4)).toHaveLength(1);
  });
});
