/** The rounds of `learn/summation.ts` on the device. */
import { addAll, gather } from './operators.js';
import type { Tensor, TensorFlow } from './device.js';

/** rows [R, width] -> [sums, width]. */
export function summation(tf: TensorFlow, rows: Tensor, rounds: readonly (readonly Tensor[])[]): Tensor {
  return rounds.reduce(
    (x, lists) =>
      addAll(
        tf,
        lists.map((indices) => gather(tf, x, indices)),
      ),
    rows,
  );
}
