/**
 * Keys and values of the rows in flight, laid out as the decode graph reads them: per layer [slots, kvHeads, capacity,
 * headSize]. Rows are kept together at the front: the last row moves into the place of one that leaves.
 */
import type { ModelConfig } from '../qwen2/config.js';

/** Keys and values of one aligned block, per layer: [kvHeads, chunk, headSize]. */
export interface Block {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/**
 * Prefix positions that a run is given for `needed` of them. P + chunk is a multiple of 64, because the vectorised sum of
 * the softmax gives the same bits for padded rows only when the place of each term modulo 64 stays the same.
 */
export function prefixCapacity(needed: number, chunk: number): number {
  const capacity = Math.ceil((needed + chunk) / 64) * 64 - chunk;
  return capacity === 0 ? 64 : capacity;
}

export class Slots {
  #capacity = 0;
  #keys: Float32Array[] = [];
  #values: Float32Array[] = [];
  #rows = 0;

  constructor(
    private readonly config: ModelConfig,
    private readonly chunk: number,
    readonly size: number,
  ) {}

  /** Lays the rows out for `capacity` prefix positions; what lies beyond is lost. */
  reserve(capacity: number): void {
    if (capacity === this.#capacity) return;
    const { layers, kvHeads, headSize } = this.config;
    const resize = (old: Float32Array | undefined): Float32Array => {
      const grown = new Float32Array(this.size * kvHeads * capacity * headSize);
      if (!old) return grown;
      const kept = Math.min(capacity, this.#capacity) * headSize;
      for (let i = 0; i < this.#rows * kvHeads; i++) {
        const from = i * this.#capacity * headSize;
        grown.set(old.subarray(from, from + kept), i * capacity * headSize);
      }
      return grown;
    };
    this.#keys = Array.from({ length: layers }, (_, i) => resize(this.#keys[i]));
    this.#values = Array.from({ length: layers }, (_, i) => resize(this.#values[i]));
    this.#capacity = capacity;
  }

  /** Appends a row and returns its index. */
  add(): number {
    return this.#rows++;
  }

  /** Takes a row out; the last row gets its index. */
  remove(row: number): void {
    const last = --this.#rows;
    if (row === last) return;
    const width = this.config.kvHeads * this.#capacity * this.config.headSize;
    for (const buffer of [...this.#keys, ...this.#values]) {
      buffer.copyWithin(row * width, last * width, (last + 1) * width);
    }
  }

  /** Writes block number `index` of a row. */
  write(row: number, index: number, block: Block): void {
    this.#copy(this.#keys, row, index, block.keys, 0, this.chunk);
    this.#copy(this.#values, row, index, block.values, 0, this.chunk);
  }

  /** Writes block number `index` of a row from a run's output [rows, kvHeads, chunk, headSize], its row `from`. */
  writeFrom(row: number, index: number, output: Block, from: number): void {
    this.#copy(this.#keys, row, index, output.keys, from, this.chunk);
    this.#copy(this.#values, row, index, output.values, from, this.chunk);
  }

  /** The first `rows` rows of layer i as the graph's input. */
  layer(i: number, rows: number): { keys: Float32Array; values: Float32Array; dims: number[] } {
    const { kvHeads, headSize } = this.config;
    const length = rows * kvHeads * this.#capacity * headSize;
    return {
      keys: this.#keys[i]!.subarray(0, length),
      values: this.#values[i]!.subarray(0, length),
      dims: [rows, kvHeads, this.#capacity, headSize],
    };
  }

  #copy(
    target: Float32Array[],
    row: number,
    index: number,
    source: readonly Float32Array[],
    from: number,
    length: number,
  ): void {
    const { kvHeads, headSize } = this.config;
    const size = length * headSize;
    for (let layer = 0; layer < target.length; layer++) {
      for (let head = 0; head < kvHeads; head++) {
        const read = (from * kvHeads + head) * size;
        const place = ((row * kvHeads + head) * this.#capacity + index * this.chunk) * headSize;
        target[layer]!.set(source[layer]!.subarray(read, read + size), place);
      }
    }
  }
}
