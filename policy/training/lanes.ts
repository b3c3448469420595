/**
 * The gradient of a mini-batch as a few sums, each over every so many micro-batches, added in a fixed order: so several
 * processes can share the work, each summing lanes of its own, and how many there are changes no bit.
 */
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelConfig } from '../model/config.js';
import { emptyParameters, type Weights } from '../model/parameters.js';
import type { Passed } from './passed.js';

/** Micro-batch i belongs to lane i mod LANES. */
export const LANES = 4;

/** Processes that pass over the same mini-batches. */
export interface Team {
  readonly rank: number;
  /** A divisor of LANES. */
  readonly size: number;
  /** On a local disk, the same for all: what is exchanged stays in the page cache. */
  readonly folder: string;
  /** Resolves when every member is there. */
  readonly meet: () => Promise<void>;
}

const ALONE: Team = { rank: 0, size: 1, folder: '', meet: () => Promise.resolve() };

export interface OwnLane<Item> {
  readonly lane: number;
  /** At least one. */
  readonly microBatches: readonly Item[];
}

/** Lanes that so many micro-batches use. */
export const lanesOf = (microBatches: number): number => Math.min(LANES, microBatches);

export class Lanes {
  readonly #lanes: Weights[] = [];
  #turn = 0;

  constructor(
    private readonly config: ModelConfig,
    private readonly team: Team = ALONE,
  ) {}

  /** This member's share of the micro-batches, lane by lane. */
  own<Item>(microBatches: readonly Item[]): OwnLane<Item>[] {
    return Array.from({ length: lanesOf(microBatches.length) }, (_, lane) => lane)
      .filter((lane) => this.#owns(lane))
      .map((lane) => ({ lane, microBatches: microBatches.filter((__, i) => i % LANES === lane) }));
  }

  #owns(lane: number): boolean {
    return lane % this.team.size === this.team.rank;
  }

  /** Memory for the sum of a lane. */
  of(lane: number): Weights {
    return (this.#lanes[lane] ??= emptyParameters(this.config));
  }

  /** Before a policy's first step, in all members: one of them may have been started anew. */
  restart(): void {
    this.#turn = 0;
  }

  /** The sum of a lane from elsewhere; it takes it over. */
  put(lane: number, sum: Weights): void {
    this.#lanes[lane] = sum;
  }

  /** After `exchange`: the whole gradient. */
  get sum(): Weights {
    return this.of(0);
  }

  clear(): void {
    for (const lane of this.#lanes) for (const values of lane?.values() ?? []) values.fill(0);
  }

  /** Gives every member what the others passed, and adds the first `used` lanes up, in their order. */
  async exchange(passed: Passed, used: number): Promise<void> {
    const { rank, size, folder, meet } = this.team;
    const lanes = Array.from({ length: used }, (_, lane) => lane);
    // Two sets of files in turn: nobody writes one anew before all have read it.
    const path = (name: string): string => join(folder, `${this.#turn}-${name}`);
    if (size > 1) {
      const columns = [passed.logProbs, passed.entropies, passed.refLogProbs];
      write(path(`tokens-${rank}`), columns);
      for (const lane of lanes) if (this.#owns(lane)) write(path(`lane-${lane}`), this.of(lane).values());
      await meet();
      // A token is passed by one member; the others have zeros.
      for (let other = 0; other < size; other++) {
        if (other !== rank) read(path(`tokens-${other}`), columns, fillIn);
      }
    }
    for (const lane of lanes) {
      if (!this.#owns(lane)) read(path(`lane-${lane}`), this.sum.values(), lane === 0 ? copyTo : addTo);
      else if (lane > 0) for (const [name, values] of this.of(lane)) addTo(this.sum.get(name)!, values);
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
