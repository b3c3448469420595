/**
 * How sure a mean accuracy is: the percentile bootstrap over problems (Efron), since the responses of one problem are alike.
 * The paper gives none. With several sets each is resampled by itself, and the mean over sets is taken of every resampling: the
 * sets are what they are, their problems are the sample. Left out: bias correction, which changes little where means are not near
 * 0 or 1.
 */
import { integerAt, openStream, Purpose } from './random.js';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const RESAMPLINGS = 2000;
/** Of the resamplings that lie below the interval, and as many above it: 95 % lie inside. */
const TAIL = 0.025;

/**
 * @param sets per set the accuracy of each of its problems; a set without problems counts as 0, as in the mean
 * @param keys one per set, a non-negative integer < 2^32: a set is resampled alike, whatever the others are
 * @returns 95 % intervals of each set's mean, and of the mean of the sets' means
 */
export function bootstrapIntervals(
  sets: readonly (readonly number[])[],
  seed: number,
  keys: readonly number[],
): { readonly sets: readonly Interval[]; readonly mean: Interval } {
  const means = sets.map((accuracies, set) => resampledMeans(accuracies, seed, keys[set]));
  const overall = Float64Array.from({ length: RESAMPLINGS }, (_, i) => mean(means.map((ofSet) => ofSet[i])));
  return { sets: means.map(intervalOf), mean: intervalOf(overall) };
}

function resampledMeans(accuracies: readonly number[], seed: number, key: number): Float64Array {
  const stream = openStream(seed, Purpose.bootstrap, [key]);
  const { length } = accuracies;
  return Float64Array.from({ length: RESAMPLINGS }, (_, resampling) => {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += accuracies[integerAt(stream, resampling * length + i, length)];
    return length === 0 ? 0 : sum / length;
  });
}

function intervalOf(values: Float64Array): Interval {
  const sorted = values.toSorted();
  return { low: quantile(sorted, TAIL), high: quantile(sorted, 1 - TAIL) };
}

/** With linear interpolation. */
function quantile(sorted: Float64Array, share: number): number {
  const rank = share * (sorted.length - 1);
  const below = Math.floor(rank);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
