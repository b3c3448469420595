/**
 * Matrices of a batch in memory that the next batch uses again. What is let go comes back only when the garbage is collected, and the
 * next batch's would stand beside it until then.
 */
export class PassMemory {
  readonly #kept = new Map<string, Float32Array>();

  /** [rows, width], of any values. The one of the same name before is overwritten. */
  matrix(name: string, rows: number, width: number): Float32Array {
    const size = rows * width;
    let kept = this.#kept.get(name);
    if (!kept || kept.length < size) {
      kept = new Float32Array(size);
      this.#kept.set(name, kept);
    }
    return kept.subarray(0, size);
  }
}
