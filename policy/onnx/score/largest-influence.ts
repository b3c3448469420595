/** Of all heads and layers, the one that gives a step the most. */
import type { StepColumns } from './batch.js';

/**
 * The largest mean over each step of what its keys were given.
 * @param influence largest of the layers before, [B, K]; takes this one in
 * @param received by the keys of one row in one layer, [heads, S]
 */
export function keepLargest(
  influence: Float32Array,
  received: Float32Array,
  length: number,
  row: number,
  { ranges, count }: StepColumns,
): void {
  for (let head = 0; head * length < received.length; head++) {
    ranges[row].forEach(([start, end], k) => {
      let sum = 0;
      for (let t = start; t < end; t++) sum += received[head * length + t];
      const place = row * count + k;
      influence[place] = Math.max(influence[place], sum / (end - start));
    });
  }
}
