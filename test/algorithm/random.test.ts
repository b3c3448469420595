import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { philox4x32 } from '../../algorithm/philox.js';
import {
  deriveSeed,
  integerAt,
  openStream,
  Purpose,
  sampleWithoutReplacement,
  shuffled,
  uniform,
  uniformAt,
  uniforms,
} from '../../algorithm/random.js';
import { word } from './arbitraries.js';

const rolloutKey = fc.record({ runSeed: word, iteration: word, problem: word, response: word, branch: word });
const someKey = { runSeed: 1, iteration: 2, problem: 3, response: 4, branch: 5 };

describe('Philox4x32-10 gives the published answers (Random123, kat_vectors)', () => {
  test.each([
    ['zeros', [0, 0, 0, 0], [0, 0], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [
      'ones',
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      'digits of pi',
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('%s', (_, counter, key, answer) => {
    expect(philox4x32(counter, key)).toEqual(answer);
  });
});

describe('uniform numbers', () => {
  test('are multiples of 2^-24 in [0, 1), exact in float32', () => {
    fc.assert(
      fc.property(rolloutKey, fc.integer({ min: 0, max: 2 ** 34 }), (key, t) => {
        const u = uniform(key, t);
        expect(u).toBeGreaterThanOrEqual(0);
        expect(u).toBeLessThan(1);
        expect(Math.fround(u)).toBe(u);
        expect(Number.isInteger(u * 2 ** 24)).toBe(true);
      }),
    );
  });

  test('keep their bits from version to version', () => {
    expect([0, 1, 4, 2 ** 34].map((t) => uniform(someKey, t) * 2 ** 24)).toEqual([
      13382039, 11569325, 12135719, 6269103,
    ]);
  });

  test('do not depend on how many are asked for at once, or from where', () => {
    fc.assert(
      fc.property(rolloutKey, fc.nat(200), fc.nat(20), (key, start, count) => {
        const oneByOne = Array.from({ length: count }, (_, i) => uniform(key, start + i));
        expect([...uniforms(key, start, count)]).toEqual(oneByOne);
      }),
    );
  });

  test('of keys that differ in one word are unrelated', () => {
    fc.assert(
      fc.property(rolloutKey, fc.constantFrom('runSeed', 'iteration', 'problem', 'response', 'branch'), (key, part) => {
        const other = { ...key, [part]: (key[part] + 1) % 2 ** 32 };
        expect(uniforms(key, 0, 8)).not.toEqual(uniforms(other, 0, 8));
      }),
    );
  });

  test('are evenly spread', () => {
    const bins = new Array<number>(16).fill(0);
    for (const u of uniforms(someKey, 0, 16_384)) bins[Math.floor(u * 16)] += 1;
    const chiSquare = bins.reduce((sum, count) => sum + (count - 1024) ** 2 / 1024, 0);
    // 15 degrees of freedom: 99.9 % of samples lie below 37.7.
    expect(chiSquare).toBeLessThan(37.7);
  });

  test('refuse keys that are not 32-bit words', () => {
    for (const iteration of [-1, 0.5, 2 ** 32, NaN])
      expect(() => uniform({ ...someKey, iteration }, 0)).toThrow(RangeError);
  });
});

describe('streams', () => {
  test('of different addresses never collide: 20,000 counters, 20,000 names', () => {
    const names = new Set<string>();
    for (let i = 0; i < 10; i += 1)
      for (let j = 0; j < 40; j += 1)
        for (let k = 0; k < 50; k += 1) names.add(JSON.stringify(openStream(7, Purpose.rollout, [i, j, k, 0])));
    expect(names.size).toBe(20_000);
  });

  test('of different purposes differ', () => {
    const names = Object.values(Purpose).map((purpose) => JSON.stringify(openStream(7, purpose, [1, 2, 3, 4])));
    expect(new Set(names).size).toBe(names.length);
    expect(deriveSeed(7, Purpose.evaluation, [1])).not.toBe(deriveSeed(7, Purpose.evaluation, [2]));
  });

  test('take missing counters as 0 and refuse a fifth', () => {
    expect(openStream(7, Purpose.task, [5])).toEqual(openStream(7, Purpose.task, [5, 0, 0, 0]));
    expect(() => openStream(7, Purpose.task, [0, 0, 0, 0, 0])).toThrow(RangeError);
  });
});

describe('draws', () => {
  const stream = fc.tuple(word, word).map(([seed, counter]) => openStream(seed, Purpose.task, [counter]));

  test('integers lie below their bound', () => {
    fc.assert(
      fc.property(stream, fc.nat(1000), fc.integer({ min: 1, max: 2 ** 32 }), (source, index, bound) => {
        const value = integerAt(source, index, bound);
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
      }),
    );
  });

  test('integers hit every value about equally', () => {
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6000; i += 1) counts[integerAt(openStream(3, Purpose.task), i, 6)] += 1;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  test('a shuffle is a permutation that depends only on its address', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat()), (source, items) => {
        const order = shuffled(items, source);
        expect(order.toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b));
        expect(shuffled(items, source)).toEqual(order);
      }),
    );
  });

  test('every order of three comes up about equally often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i += 1) {
      const order = shuffled(['a', 'b', 'c'], openStream(11, Purpose.task, [i])).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });

  test('a sample has no place twice and is refused when too large', () => {
    fc.assert(
      fc.property(stream, fc.nat(30), fc.nat(30), (source, size, count) => {
        const items = Array.from({ length: size }, (_, i) => i);
        if (count > size) {
          expect(() => sampleWithoutReplacement(items, count, source)).toThrow(RangeError);
        } else {
          const sample = sampleWithoutReplacement(items, count, source);
          expect(new Set(sample).size).toBe(count);
          expect(sample.every((item) => items.includes(item))).toBe(true);
        }
      }),
    );
  });

  test('one stream gives other numbers at other places', () => {
    const source = openStream(1, Purpose.task);
    expect(new Set(Array.from({ length: 100 }, (_, i) => uniformAt(source, i))).size).toBe(100);
  });
});
