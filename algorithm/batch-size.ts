/**
 * How many problems to draw (algorithm.md 4.3).
 *
 * Paper (section 3.4): the batch is scaled so that the number of training rows stays near its target, smoothed by lambda.
 * Authors' code, where the paper is silent: F is rounded down, B rounded up, doubles in the order below (an algebraically equal
 * form gives other values of the ceiling).
 * **Ours:** bounds, and an empty batch leaves B as it was.
 */

export interface BatchSizeSettings {
  /** Training rows wanted per iteration, > 0. */
  readonly targetRows: number;
  /** Weight of the new estimate, in [0, 1]; the paper's 0.1. */
  readonly lambda: number;
  /** Upper bound on problems per draw. */
  readonly maxProblems: number;
  /** Number of problems in the data set. */
  readonly dataSetSize: number;
}

/** B0 n (1 + N M): the rows of B0 problems when every one of n responses is branched M times at N points. */
export function targetRows(firstBatch: number, responses: number, points: number, rolloutsPerPoint: number): number {
  return firstBatch * responses * (1 + points * rolloutsPerPoint);
}

/** The bounds that hold for every draw, the first included: 1 <= B <= min(maxProblems, dataSetSize). */
export function clampBatchSize(batchSize: number, { maxProblems, dataSetSize }: BatchSizeSettings): number {
  return Math.max(1, Math.min(batchSize, maxProblems, dataSetSize));
}

/** The next B from the present one and V, the training rows left by the filter (an integer >= 0). */
export function nextBatchSize(batchSize: number, rows: number, settings: BatchSizeSettings): number {
  if (rows === 0) return clampBatchSize(batchSize, settings);
  const { targetRows: target, lambda } = settings;
  const estimate = Math.floor((batchSize * target) / rows);
  return clampBatchSize(Math.ceil(lambda * estimate + (1 - lambda) * batchSize), settings);
}

/**
 * Sizes of successive draws: the first `lag` use B0, draw t + lag uses V of batch t (`rowsPerBatch[t]`).
 * Our pipeline has a lag of 2 (one without overlap: 1); the authors' loop draws one further ahead: 3.
 */
export function drawSizes(
  firstBatch: number,
  rowsPerBatch: readonly number[],
  lag: number,
  settings: BatchSizeSettings,
): number[] {
  const sizes = Array.from({ length: lag }, () => clampBatchSize(firstBatch, settings));
  let batchSize = clampBatchSize(firstBatch, settings);
  for (const rows of rowsPerBatch) {
    batchSize = nextBatchSize(batchSize, rows, settings);
    sizes.push(batchSize);
  }
  return sizes;
}
