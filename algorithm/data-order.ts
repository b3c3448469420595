/**
 * The order in which problems are drawn. Paper: nothing; the authors' code: a seeded random order per epoch, the last
 * partial batch of an epoch dropped. **Ours:** nothing is dropped, a draw goes on into the next epoch, and the place in
 * the order is a cursor of two numbers, so a run resumes exactly.
 */

import { openStream, Purpose, shuffled } from './random.js';

export interface DataOrder {
  /** Integer in [0, 2^32). */
  readonly seed: number;
  /** Number of problems, at least 1. */
  readonly size: number;
}

/** The next problem to draw: place `offset` (0 <= offset < size) of epoch `epoch`'s order. */
export interface DataCursor {
  readonly epoch: number;
  readonly offset: number;
}

export const FIRST_PROBLEM: DataCursor = { epoch: 0, offset: 0 };

/** Problem indices of one epoch, each exactly once. */
export function epochOrder(order: DataOrder, epoch: number): number[] {
  const indices = Array.from({ length: order.size }, (_, index) => index);
  return shuffled(indices, openStream(order.seed, Purpose.dataOrder, [epoch]));
}

/**
 * The next `count` problem indices and the cursor behind them. A draw over the end of an epoch may hold a problem twice:
 * address rollouts by place in the draw, not by problem index.
 */
export function drawProblems(
  order: DataOrder,
  cursor: DataCursor,
  count: number,
): { indices: number[]; cursor: DataCursor } {
  if (!(order.size >= 1)) throw new RangeError('the data set has no problems to draw from');
  if (!(cursor.offset >= 0 && cursor.offset < order.size)) {
    throw new RangeError(`data cursor offset ${cursor.offset} is outside a data set of ${order.size} problems`);
  }
  const indices: number[] = [];
  let { epoch, offset } = cursor;
  while (indices.length < count) {
    const drawn = epochOrder(order, epoch).slice(offset, offset + count - indices.length);
    indices.push(...drawn);
    offset += drawn.length;
    if (offset === order.size) {
      epoch += 1;
      offset = 0;
    }
  }
  return { indices, cursor: { epoch, offset } };
}
