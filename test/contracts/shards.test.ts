import fc from 'fast-check';
import { expect, it } from 'vitest';
import { shardsOf, sliceOf } from '../../contracts/protocol/shards.js';

it('shards are parts of the whole, in order, of nearly the same size, and none is too large', () =>
  fc.assert(
    fc.property(fc.array(fc.integer(), { maxLength: 500 }), fc.integer({ min: 1, max: 300 }), (all, perShard) => {
      const parts = shardsOf(all.length, all.length, perShard).map((shard) => sliceOf(all, shard));
      expect(parts.flat()).toEqual(all);
      const sizes = parts.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      if (parts.length < 64) expect(Math.max(...sizes)).toBeLessThanOrEqual(perShard);
    }),
  ));
