/**
 * How an iteration's training rows are divided into optimiser steps (algorithm.md 7).
 *
 * Paper: mini-batches of a fixed number of paths, one epoch. Authors' code: paths shuffled across problems, the last batch
 * filled with padding rows.
 * **Ours:** a seeded shuffle of problems, the paths of a problem together (their tree is one row), no padding rows.
 */

import { openStream, Purpose, shuffled } from './random.js';

/**
 * Problem indices of each mini-batch, each problem once. A mini-batch is closed when the next problem would take it over `size`
 * paths; a problem with more paths than that is a mini-batch of its own.
 * @param paths training paths of each problem, each >= 1
 */
export function miniBatches(paths: readonly number[], size: number, seed: number, iteration: number): number[][] {
  const problems = shuffled(
    paths.map((_, problem) => problem),
    openStream(seed, Purpose.miniBatchOrder, [iteration]),
  );
  const batches: number[][] = [];
  let room = 0;
  for (const problem of problems) {
    const needed = paths[problem];
    if (needed > room || batches.length === 0) {
      batches.push([]);
      room = size;
    }
    batches.at(-1)?.push(problem);
    room -= needed;
  }
  return batches;
}
