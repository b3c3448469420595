import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixCache } from '../../../../policy/onnx/generate/prefix-cache.js';
import type { Block } from '../../../../policy/onnx/generate/slots.js';

const CHUNK = 2;
const BLOCK_BYTES = 2 * 4;
const blockOf = (name: number): Block => ({ keys: [Float32Array.of(name)], values: [Float32Array.of(-name)] });

/** Over few tokens: many prefixes begin alike. The last block may be a part of one. */
const prefix = fc
  .array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 9 })
  .map((tokens) => Int32Array.from(tokens));
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('want' as const), prefix }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), prefix }) },
);

const upTo = (tokens: Int32Array, index: number): Int32Array => tokens.subarray(0, (index + 1) * CHUNK);

describe.each([0, 3, 1000])('prefixes of which %d blocks are kept', (most) => {
  it('have the block that was put for the very same tokens, or none', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const cache = new PrefixCache(CHUNK, most * BLOCK_BYTES);
        /** What was put last for the tokens up to a block's end. */
        const put = new Map<string, Block>();
        operations.forEach(({ kind, prefix: tokens }, name) => {
          const known = cache.known(tokens);
          known.forEach((block, i) => expect(block).toBe(put.get(upTo(tokens, i).join())));
          const blocks = Math.ceil(tokens.length / CHUNK);
          if (kind === 'want') {
            for (let index = known.length; index < blocks; index++) {
              const block = blockOf(name + index / 10);
              cache.put(upTo(tokens, index), index, block);
              put.set(upTo(tokens, index).join(), block);
            }
            expect(cache.known(tokens)).toHaveLength(blocks);
          } else {
            cache.trim();
            const reachable = new Set(
              [...put.keys()].flatMap((key) => cache.known(Int32Array.from(key.split(',').map(Number)))),
            );
            expect(reachable.size).toBeLessThanOrEqual(most);
            if (put.size <= most) expect(reachable.size).toBe(put.size); // nothing goes as long as all fits
          }
        });
      }),
    );
  });
});

it('a block is not kept without those before it', () => {
  const cache = new PrefixCache(CHUNK, 1000);
  expect(() => cache.put(Int32Array.of(1, 2, 3), 1, blockOf(1))).toThrow(RangeError);
});
