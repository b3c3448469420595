/** Lists of different lengths as one flat array and the offsets between them: element i is [offsets[i], offsets[i+1]). */

type Flat = Int32Array | Float32Array;

export interface Ragged<T extends Flat> {
  readonly values: T;
  /** One more than there are lists; the first is 0. */
  readonly offsets: Int32Array;
}

export function joinInts(lists: readonly ArrayLike<number>[]): Ragged<Int32Array> {
  return join(lists, (length) => new Int32Array(length));
}

export function joinFloats(lists: readonly ArrayLike<number>[]): Ragged<Float32Array> {
  return join(lists, (length) => new Float32Array(length));
}

/** Views into the flat array, nothing is copied. */
export function split<T extends Flat>({ values, offsets }: Ragged<T>): T[] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => values.subarray(offsets[i], offsets[i + 1]) as T);
}

function join<T extends Flat>(lists: readonly ArrayLike<number>[], allocate: (length: number) => T): Ragged<T> {
  const offsets = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => (offsets[i + 1] = (offsets[i] ?? 0) + list.length));
  const values = allocate(offsets[lists.length] ?? 0);
  lists.forEach((list, i) => values.set(list, offsets[i]));
  return { values, offsets };
}
