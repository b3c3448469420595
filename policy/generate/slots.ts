/**
 * Keys and values of the rows in flight, laid out as the graphs read them: per layer keys [rows, kvHeads, headSize,
 * capacity] and values [rows, kvHeads, capacity, headSize]. Rows are kept together at the front: the last row moves into
 * the place of one that leaves.
 */
import type { HostTensor } from '../onnx/runtime.js';
import { floats } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';

/** Keys [kvHeads, headSize, chunk] and values [kvHeads, chunk, headSize] of one aligned block, per layer. */
export interface Block {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** A buffer of lines in which positions follow one another, `unit` numbers each. */
interface Store {
  readonly linesPerRow: number;
  readonly unit: number;
  data: Float32Array;
}

export class Slots {
  #capacity = 0;
  #rows = 0;
  readonly #keys: readonly Store[];
  readonly #values: readonly Store[];

  constructor(
    private readonly config: ModelConfig,
    private readonly chunk: number,
    readonly size: number,
  ) {
    const { layers, kvHeads, headSize } = config;
    const stores = (linesPerRow: number, unit: number): Store[] =>
      Array.from({ length: layers }, () => ({ linesPerRow, unit, data: new Float32Array(0) }));
    this.#keys = stores(kvHeads * headSize, 1);
    this.#values = stores(kvHeads, headSize);
  }

  /** Lays the rows out for `capacity` prefix positions, a multiple of the chunk; what lies beyond is lost. */
  reserve(capacity: number): void {
    if (capacity === this.#capacity) return;
    for (const store of [...this.#keys, ...this.#values]) this.#layOut(store, capacity);
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
    for (const { data, linesPerRow, unit } of [...this.#keys, ...this.#values]) {
      const width = linesPerRow * unit * this.#capacity;
      data.copyWithin(row * width, last * width, (last + 1) * width);
    }
  }

  /** Writes block number `index` of a row. @param from row of the block, where it is a run's output for several rows */
  write(row: number, index: number, block: Block, from = 0): void {
    this.#keys.forEach((store, layer) => this.#copy(store, row, index, block.keys[layer], from));
    this.#values.forEach((store, layer) => this.#copy(store, row, index, block.values[layer], from));
  }

  /**
   * The first `rows` rows as inputs of a graph: `keys<i>` [rows, 1, kvHeads, 1, headSize, capacity] and `values<i>`
   * [rows, 1, kvHeads, 1, capacity, headSize]; the axes of one stand for siblings and for query heads of a group.
   */
  feeds(rows: number): Record<string, HostTensor> {
    const { kvHeads, headSize } = this.config;
    const feeds: Record<string, HostTensor> = {};
    const length = rows * kvHeads * headSize * this.#capacity;
    this.#keys.forEach(({ data }, i) => {
      feeds[`keys${i}`] = floats(data.subarray(0, length), [rows, 1, kvHeads, 1, headSize, this.#capacity]);
    });
    this.#values.forEach(({ data }, i) => {
      feeds[`values${i}`] = floats(data.subarray(0, length), [rows, 1, kvHeads, 1, this.#capacity, headSize]);
    });
    return feeds;
  }

  /** Moves each line: towards the end when capacity grows (last first), else towards the front. */
  #layOut(store: Store, capacity: number): void {
    const { data: old, linesPerRow, unit } = store;
    const needed = this.size * linesPerRow * unit * capacity;
    // Twice what is needed once rows are there: they grow by a chunk at a time.
    if (old.length < needed) store.data = new Float32Array(this.#rows === 0 ? needed : 2 * needed);
    const lines = this.#rows * linesPerRow;
    const kept = Math.min(capacity, this.#capacity) * unit;
    for (let n = 0; n < lines; n++) {
      const line = capacity > this.#capacity ? lines - 1 - n : n;
      const from = line * this.#capacity * unit;
      const to = line * capacity * unit;
      if (store.data === old) old.copyWithin(to, from, from + kept);
      else store.data.set(old.subarray(from, from + kept), to);
    }
  }

  #copy({ data, linesPerRow, unit }: Store, row: number, index: number, source: Float32Array, from: number): void {
    const size = this.chunk * unit;
    for (let line = 0; line < linesPerRow; line++) {
      const read = (from * linesPerRow + line) * size;
      const place = ((row * linesPerRow + line) * this.#capacity + index * this.chunk) * unit;
      data.set(source.subarray(read, read + size), place);
    }
  }
}
