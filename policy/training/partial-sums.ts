/**
 * The gradient of a mini-batch as a few sums, each over every so many micro-batches, added in a fixed order: so several
 * processes can share the work, each some of the sums, and how many processes there are changes no bit.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelConfig } from '../model/config.js';
import { emptyParameters, type Weights } from '../model/parameters.js';
import type { PassResult } from './pass-result.js';

/** Micro-batch i belongs to partial sum i mod PARTIAL_SUMS. */
export const PARTIAL_SUMS = 4;

/** Processes that pass over the same mini-batches. */
export interface WorkerGroup {
  readonly rank: number;
  /** A divisor of PARTIAL_SUMS. */
  readonly size: number;
  /** On a local disk, the same for all: what is exchanged stays in the page cache. */
  readonly folder: string;
  /** Resolves when every member is there. */
  readonly barrier: () => Promise<void>;
}

const ALONE: WorkerGroup = { rank: 0, size: 1, folder: '', barrier: () => Promise.resolve() };

export interface OwnPartialSum<Item> {
  readonly partial: number;
  /** At least one. */
  readonly microBatches: readonly Item[];
}

/** Partial sums that so many micro-batches have. */
export const partialSumsOf = (microBatches: number): number => Math.min(PARTIAL_SUMS, microBatches);

export class PartialSums {
  readonly #partialSums: Weights[] = [];
  #turn = 0;

  constructor(
    private readonly config: ModelConfig,
    private readonly group: WorkerGroup = ALONE,
  ) {}

  /** The micro-batches of this member, by partial sum. */
  own<Item>(microBatches: readonly Item[]): OwnPartialSum<Item>[] {
    return Array.from({ length: partialSumsOf(microBatches.length) }, (_, partial) => partial)
      .filter((partial) => this.#owns(partial))
      .map((partial) => ({ partial, microBatches: microBatches.filter((__, i) => i % PARTIAL_SUMS === partial) }));
  }

  #owns(partial: number): boolean {
    return partial % this.group.size === this.group.rank;
  }

  /** Its memory. */
  of(partial: number): Weights {
    return (this.#partialSums[partial] ??= emptyParameters(this.config));
  }

  /** Before a policy's first step, in all members: one of them may have been started anew. */
  restart(): void {
    this.#turn = 0;
  }

  /** One from elsewhere, which it takes over. */
  put(partial: number, sum: Weights): void {
    this.#partialSums[partial] = sum;
  }

  /** After `exchange`: the whole gradient. */
  get sum(): Weights {
    return this.of(0);
  }

  clear(): void {
    for (const partial of this.#partialSums) for (const values of partial?.values() ?? []) values.fill(0);
  }

  /** Gives every member what the others passed, and adds the first `used` partial sums up, in their order. */
  async exchange(passed: PassResult, used: number): Promise<void> {
    const { rank, size, folder, barrier } = this.group;
    const partialSums = Array.from({ length: used }, (_, partial) => partial);
    // Two sets of files in turn: nobody writes one anew before all have read it.
    const path = (name: string): string => join(folder, `${this.#turn}-${name}`);
    if (size > 1) {
      const columns = [passed.logProbs, passed.entropies, passed.refLogProbs];
      write(path(`tokens-${rank}`), columns);
      for (const partial of partialSums)
        if (this.#owns(partial)) write(path(`partial-${partial}`), this.of(partial).values());
      await barrier();
      // A token is passed by one member; the others have zeros.
      for (let other = 0; other < size; other++) {
        if (other !== rank) read(path(`tokens-${other}`), columns, fillIn);
      }
    }
    for (const partial of partialSums) {
      if (!this.#owns(partial)) read(path(`partial-${partial}`), this.sum.values(), partial === 0 ? copyTo : addTo);
      else if (partial > 0) for (const [name, values] of this.of(partial)) addTo(this.sum.get(name)!, values);
    }
    this.#turn = 1 - this.#turn;
  }
}

/** Over what the file holds: to take its memory anew would cost more than to write. */
function write(path: string, arrays: Iterable<Float32Array>): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    for (const values of arrays) {
      const bytes = bytesOf(values);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    }
  } finally {
    closeSync(file);
  }
}

/** Memory for what is read. */
let pieces = new Float32Array(0);

/** @param take gets each array and what the file holds for it, which it may not keep */
function read(
  path: string,
  arrays: Iterable<Float32Array>,
  take: (array: Float32Array, held: Float32Array) => void,
): void {
  const file = openSync(path, 'r');
  try {
    for (const array of arrays) {
      if (pieces.length < array.length) pieces = new Float32Array(array.length);
      const held = pieces.subarray(0, array.length);
      const bytes = bytesOf(held);
      for (let at = 0; at < bytes.length;) {
        const count = readSync(file, bytes, at, bytes.length - at, null);
        if (count === 0) throw new RangeError(`${path} ends before what was to be read`);
        at += count;
      }
      take(array, held);
    }
  } finally {
    closeSync(file);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
/** A sum would turn −0 into 0. */
function fillIn(array: Float32Array, held: Float32Array): void {
  for (let i = 0; i < array.length; i++) if (!Object.is(held[i], 0)) array[i] = held[i];
}

const copyTo = (array: Float32Array, held: Float32Array): void => array.set(held);

function addTo(array: Float32Array, held: Float32Array): void {
  for (let i = 0; i < array.length; i++) array[i] += held[i];
}
