/**
 * The cumulative distribution of each row, and which id it first reaches a bound at. Over a large vocabulary it is made in
 * two levels, of blocks and within the one that is meant: a running sum over all ids is one thread's work of an addition
 * after the other, for each row and token.
 */
import type { Graph, Value } from '../graph.js';
import {
  add,
  cast,
  cumSum,
  cumSumBefore,
  gatherElements,
  gatherRow,
  lastColumn,
  less,
  max,
  min,
  mul,
  reduceSum,
  reshape,
  squeeze,
  sub,
} from '../operators.js';

/** Axes: R rows, V ids. */
export interface Cumulative {
  /** [R, 1] */
  total(): Value;
  /** The number of ids whose cumulative probability is below the bound [R, 1]; V - 1 at most: int64 [R]. */
  below(bound: Value): Value;
}

/** @param p [R, V]; @param block ids of a block, a divisor of V; left out: one level */
export function cumulative(g: Graph, p: Value, block?: number): Cumulative {
  return block === undefined ? whole(g, p) : byBlocks(g, p, block);
}

function whole(g: Graph, p: Value): Cumulative {
  const sums = cumSum(g, p, 1);
  return {
    total: () => lastColumn(g, sums),
    below: (bound) => cast(g, min(g, countBelow(g, sums, bound), g.int32((p.shape[1] as number) - 1)), 'int64'),
  };
}

const LARGEST_BLOCK = 256;
/** Their sums begin at multiples of 128 bytes: where a row begins in memory decides a sum's bits. */
const LEAST_BLOCK = 32;

/** Ids of a block of a large vocabulary, as many as divide it; undefined where only few do. */
export function blockOf(words: number): number | undefined {
  let block = LARGEST_BLOCK;
  while (words % block > 0) block /= 2;
  return block >= LEAST_BLOCK ? block : undefined;
}

function byBlocks(g: Graph, p: Value, size: number): Cumulative {
  const count = (p.shape[1] as number) / size;
  const blocks = reshape(g, p, [0, count, size], ['rows', count, size]);
  const sums = reduceSum(g, blocks, [2]); // [R, count]
  const before = cumSumBefore(g, sums, 1);
  const total = add(g, lastColumn(g, before), lastColumn(g, sums));
  return {
    total: () => total,
    below(bound) {
      const within = min(g, bound, total);
      // The last one that begins below the bound; all of the bound's own is in it.
      const place = cast(g, max(g, sub(g, countBelow(g, before, within, true), g.int32(1)), g.int32(0)), 'int64'); // [R, 1]
      const inBlock = add(g, cumSum(g, gatherRow(g, blocks, place), 1), gatherElements(g, before, place)); // [R, size]
      // Rounding may leave its end below the bound: then the last id that has any probability is meant.
      const rest = countBelow(g, inBlock, min(g, within, lastColumn(g, inBlock)));
      return add(g, mul(g, squeeze(g, place, 1), g.int64(size)), cast(g, rest, 'int64'));
    },
  };
}

/** int32 [R], or [R, 1] */
function countBelow(g: Graph, sums: Value, bound: Value, keepDims = false): Value {
  return reduceSum(g, cast(g, less(g, sums, bound), 'int32'), [1], keepDims);
}
