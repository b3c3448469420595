/**
 * Keys and values of the rows in flight, laid out as the graphs read them: per layer [rows, kvHeads, capacity, headSize].
 * Rows are kept together at the front: the last row moves into the place of one that leaves.
 */
import type { HostTensor } from '../runtime.js';
import { floats } from '../runtime.js';
import { LIMITS, type SlotLimits } from '../../limits.js';
import type { ModelConfig } from '../../model/config.js';

/** Keys and values [kvHeads, chunk, headSize] of one aligned block, per layer. */
export interface Block {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** Under what names keys and values are inputs of a graph: the layer's number follows. */
export interface StoreNames {
  readonly keys: string;
  readonly values: string;
}
export const PREFIX: StoreNames = { keys: 'keys', values: 'values' };
export const OWN: StoreNames = { keys: 'ownKeys', values: 'ownValues' };

/** One layer's keys or values. */
interface Store {
  data: Float32Array;
}

export class Slots {
  #capacity = 0;
  #rows = 0;
  /** Rows that there is memory for: for all slots it may be more than one array can hold. */
  #room: number;
  readonly #keys: readonly Store[];
  readonly #values: readonly Store[];

  constructor(
    private readonly config: ModelConfig,
    private readonly chunk: number,
    readonly size: number,
    private readonly limits: SlotLimits = LIMITS.generate.slots,
  ) {
    const stores = (): Store[] => Array.from({ length: config.layers }, () => ({ data: new Float32Array(0) }));
    this.#keys = stores();
    this.#values = stores();
    this.#room = Math.min(size, limits.firstRows);
  }

  /** Lays the rows out for `capacity` prefix positions, a multiple of the chunk; what lies beyond is lost. */
  reserve(capacity: number): void {
    if (capacity === this.#capacity) return;
    for (const store of [...this.#keys, ...this.#values]) this.#layOut(store, capacity);
    this.#capacity = capacity;
  }

  /** Appends a row and returns its index. @throws RangeError when all slots are taken */
  add(): number {
    if (this.#rows === this.size) throw new RangeError(`a row more than the ${this.size} that there are slots for`);
    if (this.#rows === this.#room) {
      this.#room = Math.min(this.size, 2 * this.#room);
      for (const store of [...this.#keys, ...this.#values]) this.#extend(store);
    }
    return this.#rows++;
  }

  /** Takes all rows out. Memory is kept for the next ones, up to what is worth it; how it is laid out is not. */
  clear(): void {
    this.#rows = 0;
    this.#room = Math.min(this.size, this.limits.firstRows);
    this.#capacity = 0;
    const stores = [...this.#keys, ...this.#values];
    const bytes = stores.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (bytes > this.limits.keptBytes) for (const store of stores) store.data = new Float32Array(0);
  }

  /** Takes a row out; the last row gets its index. @throws RangeError when there is no such row */
  remove(row: number): void {
    this.#mustHold(row, -1);
    const last = --this.#rows;
    if (row === last) return;
    const width = this.config.kvHeads * this.config.headSize * this.#capacity;
    for (const { data } of [...this.#keys, ...this.#values]) {
      data.copyWithin(row * width, last * width, (last + 1) * width);
    }
  }

  /**
   * Writes block number `index` of a row.
   * @param from row of the block, where it is a run's output for several rows
   * @throws RangeError when the row or the place is not there
   */
  write(row: number, index: number, block: Block, from = 0): void {
    this.#mustHold(row, index);
    this.#keys.forEach((store, layer) => this.#copy(store, row, index, block.keys[layer], from));
    this.#values.forEach((store, layer) => this.#copy(store, row, index, block.values[layer], from));
  }

  /** A copy of block number `index` of a row. @throws RangeError when the row or the place is not there */
  read(row: number, index: number): Block {
    this.#mustHold(row, index);
    const copies = (stores: readonly Store[]): Float32Array[] => stores.map((store) => this.#copyOf(store, row, index));
    return { keys: copies(this.#keys), values: copies(this.#values) };
  }

  /**
   * The first `rows` rows as inputs of a graph: keys and values [rows, 1, kvHeads, 1, capacity, headSize] of each layer;
   * the axes of one stand for siblings and for query heads of a group. There may be more than were added, which hold anything.
   * @throws RangeError when there is no memory for so many
   */
  feeds(rows: number, names = PREFIX): Record<string, HostTensor> {
    if (rows > this.#room) throw new RangeError(`${rows} rows are asked for, there is room for ${this.#room}`);
    const { kvHeads, headSize } = this.config;
    const dims = [rows, 1, kvHeads, 1, this.#capacity, headSize];
    const length = rows * kvHeads * headSize * this.#capacity;
    const feed = ({ data }: Store): HostTensor => floats(data.subarray(0, length), dims);
    return Object.fromEntries([
      ...this.#keys.map((store, i) => [`${names.keys}${i}`, feed(store)] as const),
      ...this.#values.map((store, i) => [`${names.values}${i}`, feed(store)] as const),
    ]);
  }

  /** Moves what each row has of each head: towards the end when capacity grows (last first), else towards the front. */
  #layOut(store: Store, capacity: number): void {
    const { kvHeads, headSize } = this.config;
    const { data: old } = store;
    const needed = this.#room * kvHeads * headSize * capacity;
    // Twice what is needed once it was not enough: rows grow by a chunk at a time.
    if (old.length < needed) store.data = new Float32Array(old.length === 0 ? needed : 2 * needed);
    const lines = this.#rows * kvHeads;
    const kept = Math.min(capacity, this.#capacity) * headSize;
    for (let n = 0; n < lines; n++) {
      const line = capacity > this.#capacity ? lines - 1 - n : n;
      const from = line * this.#capacity * headSize;
      const to = line * capacity * headSize;
      if (store.data === old) old.copyWithin(to, from, from + kept);
      else store.data.set(old.subarray(from, from + kept), to);
    }
  }

  /** To the rows that there is to be room for. */
  #extend(store: Store): void {
    const width = this.config.kvHeads * this.config.headSize * this.#capacity;
    if (store.data.length >= this.#room * width) return;
    const longer = new Float32Array(this.#room * width);
    longer.set(store.data.subarray(0, this.#rows * width));
    store.data = longer;
  }

  /** @param index of a block; -1: the row alone */
  #mustHold(row: number, index: number): void {
    if (row >= 0 && row < this.#rows && (index + 1) * this.chunk <= this.#capacity) return;
    const held = `${this.#rows} rows of ${this.#capacity} positions are held`;
    throw new RangeError(`${index < 0 ? '' : `block ${index} of `}row ${row} is none: ${held}`);
  }

  /** Where a block of one head begins. */
  #placeOf(row: number, head: number, index: number): number {
    const { kvHeads, headSize } = this.config;
    return ((row * kvHeads + head) * this.#capacity + index * this.chunk) * headSize;
  }

  #copyOf({ data }: Store, row: number, index: number): Float32Array {
    const { kvHeads, headSize } = this.config;
    const size = this.chunk * headSize;
    const copy = new Float32Array(kvHeads * size);
    for (let head = 0; head < kvHeads; head++) {
      const place = this.#placeOf(row, head, index);
      copy.set(data.subarray(place, place + size), head * size);
    }
    return copy;
  }

  #copy({ data }: Store, row: number, index: number, source: Float32Array, from: number): void {
    const { kvHeads, headSize } = this.config;
    const size = this.chunk * headSize;
    for (let head = 0; head < kvHeads; head++) {
      const read = (from * kvHeads + head) * size;
      const place = this.#placeOf(row, head, index);
      data.set(source.subarray(read, read + size), place);
    }
  }
}
