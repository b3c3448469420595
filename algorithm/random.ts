/**
 * All randomness of the project: numbers addressed by (seed, purpose, counters, index), never by hidden state, so a retry, a
 * replay or another process finds the same ones. The paper only says that sampling is random; the authors' code uses the
 * generators of its frameworks, whose state depends on the order of calls: left out.
 *
 * Two levels of Philox4x32-10. The first maps (seed, purpose; four counters) to 128 bits that name a stream; since Philox is
 * a bijection, different counters under one seed and purpose never name the same stream. The second numbers the words
 * inside the stream. One stream serves one kind of draw.
 */

import { philox4x32 } from './philox.js';
import type { Words2, Words4 } from './philox.js';

/** Identity of a rollout; with the token's index t it addresses one uniform number. Each a non-negative integer < 2^32. */
export interface RolloutKey {
  readonly runSeed: number;
  readonly iteration: number;
  readonly problem: number;
  /** Index of the initial response. */
  readonly response: number;
  /** 0 for the initial response itself; 1 + index of the branch rollout within the response otherwise. */
  readonly branch: number;
}

/** What a stream is for; keeps the counters of different uses apart. A number once given is never reused. */
export const Purpose = {
  rollout: 0,
  dataOrder: 1,
  responseSelection: 2,
  miniBatchOrder: 3,
  evaluation: 4,
  task: 5,
  demonstration: 6,
  initialWeights: 7,
  bootstrap: 8,
  verification: 9,
  chaos: 64,
} as const;
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

/** An endless sequence of words that can be read at any place, in any order. */
export interface RandomStream {
  readonly key: Words2;
  /** Upper half of every block counter. */
  readonly tail: Words2;
}

/** @param counters at most four; missing ones are 0. Seed and counters: integers in [0, 2^32), else RangeError. */
export function openStream(seed: number, purpose: Purpose, counters: readonly number[] = []): RandomStream {
  if (counters.length > 4) throw new RangeError(`a stream has at most 4 counters, got ${counters.length}`);
  for (const word of [seed, ...counters]) {
    if (word >>> 0 !== word) throw new RangeError(`seed and counters must be integers in [0, 2^32), got ${word}`);
  }
  const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counters;
  const [k0, k1, t0, t1] = philox4x32([c0, c1, c2, c3], [seed, purpose]);
  return { key: [k0, k1], tail: [t0, t1] };
}

/** Word `index` (0 <= index < 2^53) of the stream: an integer in [0, 2^32). */
export function wordAt(stream: RandomStream, index: number): number {
  return blockAt(stream, Math.floor(index / 4))[index % 4];
}

/** Uniform number `index` of the stream: k / 2^24 with 0 <= k < 2^24, hence exact in float32 and never 1. */
export function uniformAt(stream: RandomStream, index: number): number {
  return toUniform(wordAt(stream, index));
}

/** Integer `index` of the stream, uniform in [0, bound), 1 <= bound <= 2^32 (bias below bound / 2^53). */
export function integerAt(stream: RandomStream, index: number, bound: number): number {
  const block = blockAt(stream, Math.floor(index / 2));
  const lane = 2 * (index % 2);
  const fraction = ((block[lane] >>> 5) * 2 ** 26 + (block[lane + 1] >>> 6)) / 2 ** 53;
  return Math.floor(fraction * bound);
}

/** The uniform number that decides new token `t` of a rollout: k / 2^24, in [0, 1), exact in float32. */
export function uniform(key: RolloutKey, t: number): number {
  return uniformAt(rolloutStream(key), t);
}

/** `uniform(key, t)` for t = start, …, start + count - 1. */
export function uniforms(key: RolloutKey, start: number, count: number): Float32Array {
  const stream = rolloutStream(key);
  const values = new Float32Array(count);
  let block = blockAt(stream, Math.floor(start / 4));
  for (let i = 0; i < count; i += 1) {
    const lane = (start + i) % 4;
    if (lane === 0) block = blockAt(stream, (start + i) / 4);
    values[i] = toUniform(block[lane]);
  }
  return values;
}

/** A seed in [0, 2^32) for a part of a run that needs its own (an evaluation, a data set). */
export function deriveSeed(seed: number, purpose: Purpose, counters: readonly number[] = []): number {
  return wordAt(openStream(seed, purpose, counters), 0);
}

/** The items in random order (Fisher-Yates), as a new array. */
export function shuffled<Item>(items: readonly Item[], stream: RandomStream): Item[] {
  return sampleWithoutReplacement(items, items.length, stream);
}

/** `count` of the items at different places, in the order drawn; RangeError if there are fewer. */
export function sampleWithoutReplacement<Item>(items: readonly Item[], count: number, stream: RandomStream): Item[] {
  if (count > items.length) throw new RangeError(`cannot draw ${count} of ${items.length} items`);
  const pool = [...items];
  for (let i = 0; i < count; i += 1) {
    const j = i + integerAt(stream, i, pool.length - i);
    [pool[i], pool[j]] = [pool[j], pool[i]];
  }
  return pool.slice(0, count);
}

function rolloutStream(key: RolloutKey): RandomStream {
  return openStream(key.runSeed, Purpose.rollout, [key.iteration, key.problem, key.response, key.branch]);
}

function blockAt(stream: RandomStream, block: number): Words4 {
  return philox4x32([block >>> 0, Math.floor(block / 2 ** 32), stream.tail[0], stream.tail[1]], stream.key);
}

function toUniform(word: number): number {
  return (word >>> 8) / 2 ** 24;
}
