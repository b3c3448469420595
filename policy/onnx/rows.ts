/** Some rows of a matrix, as onnxruntime reads and writes them in place. */
import { floats, type HostTensor } from './host-tensor.js';

export interface Rows {
  readonly from: number;
  readonly to: number;
  /** Those rows of a matrix [total, width], seen and not copied. */
  readonly of: (matrix: Float32Array) => HostTensor;
}

/** Calls `work` for one run of rows after another, all about equally long and at most `most`. */
export async function inParts(total: number, most: number, work: (rows: Rows) => Promise<void>): Promise<void> {
  const size = Math.ceil(total / Math.ceil(total / most));
  for (let from = 0; from < total; from += size) {
    const to = Math.min(total, from + size);
    const of = (matrix: Float32Array): HostTensor => {
      const width = matrix.length / total;
      return floats(matrix.subarray(from * width, to * width), [to - from, width]);
    };
    await work({ from, to, of });
  }
}

/** table[indices] one behind another: [indices, width]. @param rows memory for them */
export function gatherRows(
  table: Float32Array,
  indices: BigInt64Array,
  width: number,
  rows: Float32Array = new Float32Array(indices.length * width),
): Float32Array {
  let count: number;
  for (let n = 0; n < indices.length; n += count) {
    count = consecutive(indices, n, indices.length);
    const first = Number(indices[n]);
    rows.set(table.subarray(first * width, (first + count) * width), n * width);
  }
  return rows;
}

/** How many of the indices from `from` on, up to `to`, each follow the one before: they are copied at once. */
export function consecutive(indices: BigInt64Array, from: number, to: number): number {
  const first = Number(indices[from]);
  let n = from + 1;
  while (n < to && Number(indices[n]) === first + (n - from)) n++;
  return n - from;
}
