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

export class Slots {
  #capacity = 0;
  readonly #keys: Float32Array[];
  readonly #values: Float32Array[];
  #rows = 0;

  constructor(
    private readonly config: ModelConfig,
    private readonly chunk: number,
    readonly size: number,
  ) {
    this.#keys = Array.from({ length: config.layers }, () => new Float32Array(0));
    this.#values = Array.from({ length: config.layers }, () => new Float32Array(0));
  }

  /** Lays the rows out for `capacity` prefix positions, a multiple of the chunk; what lies beyond is lost. */
  reserve(capacity: number): void {
    if (capacity === this.#capacity) return;
    const { layers, kvHeads, headSize } = this.config;
    const needed = this.size * kvHeads * capacity * headSize;
    for (let i = 0; i < layers; i++) {
      this.#keys[i] = this.#relaid(this.#keys[i]!, needed, capacity);
      this.#values[i] = this.#relaid(this.#values[i]!, needed, capacity);
    }
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

  /** Moves each head's positions: towards the end when capacity grows (last first), else towards the front. */
  #relaid(old: Float32Array, needed: number, capacity: number): Float32Array {
    // Twice what is needed once rows are there: they grow by a chunk at a time.
    const buffer = old.length >= needed ? old : new Float32Array(this.#rows === 0 ? needed : 2 * needed);
    const heads = this.#rows * this.config.kvHeads;
    const { headSize } = this.config;
    const kept = Math.min(capacity, this.#capacity) * headSize;
    for (let n = 0; n < heads; n++) {
      const head = capacity > this.#capacity ? heads - 1 - n : n;
      const from = head * this.#capacity * headSize;
      const to = head * capacity * headSize;
      if (buffer === old) buffer.copyWithin(to, from, from + kept);
      else buffer.set(old.subarray(from, from + kept), to);
    }
    return buffer;
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
