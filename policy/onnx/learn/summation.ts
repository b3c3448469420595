/**
 * Sums of rows chosen by index, as rounds of gathering a few rows and adding them: always in the same order, which a
 * scatter with repeated indices is not.
 */
import type { Graph, Value } from '../graph.js';
import { add, gather } from '../operators.js';

/** Rows added at a time. */
export const RADIX = 4;

/**
 * Per round, RADIX lists of indices, each as long as the round has sums; a round's sums are the next one's rows.
 * @param sources per sum, the rows that belong to it
 * @param nothing a row of zeros
 */
export function summationRounds(sources: readonly (readonly number[])[], nothing: number): Int32Array[][] {
  const parts: number[][] = [];
  let done = true;
  const groups: (readonly number[])[] = [];
  for (const rows of sources) {
    const own: number[] = [];
    for (let i = 0; i === 0 || i < rows.length; i += RADIX) own.push(groups.push(rows.slice(i, i + RADIX)) - 1);
    if (own.length > 1) done = false;
    parts.push(own);
  }
  if (!done) groups.push([]); // a sum of nothing: the next round's row of zeros
  const round = Array.from({ length: RADIX }, (_, k) => Int32Array.from(groups, (rows) => rows[k] ?? nothing));
  return done ? [round] : [round, ...summationRounds(parts, groups.length - 1)];
}

/** rows [R, width] -> [sums, width]. */
export function summation(g: Graph, rows: Value, rounds: readonly (readonly Value[])[]): Value {
  return rounds.reduce((x, lists) => {
    // Added by two, since ReduceSum over the first axis takes twice as long.
    const parts = lists.map((indices) => gather(g, x, indices));
    while (parts.length > 1) parts.push(add(g, parts.shift()!, parts.shift()!));
    return parts[0];
  }, rows);
}
