/** First and second moments by parameter: in memory, or in a file where the model is large. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { LearnLimits } from '../limits.js';
import type { ModelConfig } from '../model/config.js';
import { parameters, type Weights } from '../model/parameters.js';
import { sizeOf } from '../model/parameter-list.js';

/** @param from place of the piece's first entry in the parameter */
export type ChangeMoments = (first: Float32Array, second: Float32Array, from: number) => void;

export interface Moments {
  /** Calls `change` with the two moments of a parameter, piece after piece, which it may change in place. */
  change(parameter: string, change: ChangeMoments): void;
  /** The first (0) or second (1) moment of a parameter, to be read. */
  read(parameter: string, which: 0 | 1): Float32Array;
  close(): void;
}

export class MomentsInMemory implements Moments {
  readonly #moments: ReadonlyMap<string, readonly [Float32Array, Float32Array]>;

  /** All zero. */
  constructor(config: ModelConfig) {
    this.#moments = new Map(
      parameters(config).map(({ name, shape }) => [
        name,
        [new Float32Array(sizeOf(shape)), new Float32Array(sizeOf(shape))] as const,
      ]),
    );
  }

  change(parameter: string, change: ChangeMoments): void {
    change(...this.#moments.get(parameter)!, 0);
  }

  read(parameter: string, which: 0 | 1): Float32Array {
    return this.#moments.get(parameter)![which];
  }

  /** The first moments of all parameters, and the second. */
  all(): readonly [first: Weights, second: Weights] {
    const of = (which: 0 | 1): Weights => new Map([...this.#moments].map(([name, both]) => [name, both[which]]));
    return [of(0), of(1)];
  }

  close(): void {
    // Memory goes by itself.
  }
}

/** A piece of the moments is in memory at a time. The file has no name, so that it goes with the process. */
export class MomentsInFile implements Moments {
  readonly #file: number;
  readonly #piece: readonly Float32Array[];
  /** In bytes; the first moment, behind it the second, of `size` each. */
  readonly #places = new Map<string, { readonly start: number; readonly size: number }>();

  /**
   * All zero.
   * @param folder made where it is missing; needs room for twice the model
   */
  constructor(
    config: ModelConfig,
    folder: string,
    private readonly limits: Pick<LearnLimits, 'momentsPiece' | 'fileCallBytes'>,
  ) {
    this.#piece = [0, 1].map(() => new Float32Array(limits.momentsPiece));
    mkdirSync(folder, { recursive: true });
    const path = join(folder, `moments-${process.pid}-${process.hrtime.bigint()}`);
    this.#file = openSync(path, 'wx+');
    unlinkSync(path);
    let end = 0;
    for (const { name, shape } of parameters(config)) {
      const size = sizeOf(shape) * Float32Array.BYTES_PER_ELEMENT;
      this.#places.set(name, { start: end, size });
      end += 2 * size;
    }
    ftruncateSync(this.#file, end); // what was never written reads as zeros and takes no room
  }

  change(parameter: string, change: ChangeMoments): void {
    const { start, size } = this.#places.get(parameter)!;
    const entries = size / Float32Array.BYTES_PER_ELEMENT;
    for (let from = 0; from < entries; from += this.limits.momentsPiece) {
      const [first, second] = this.#piece.map((memory) => memory.subarray(0, entries - from));
      const at = start + from * Float32Array.BYTES_PER_ELEMENT;
      this.#read(first, at);
      this.#read(second, at + size);
      change(first, second, from);
      this.#write(first, at);
      this.#write(second, at + size);
    }
  }

  read(parameter: string, which: 0 | 1): Float32Array {
    const { start, size } = this.#places.get(parameter)!;
    const moment = new Float32Array(size / Float32Array.BYTES_PER_ELEMENT);
    this.#read(moment, start + which * size);
    return moment;
  }

  close(): void {
    closeSync(this.#file);
  }

  #read(values: Float32Array, at: number): void {
    inParts(values, this.limits.fileCallBytes, (part, done) => readSync(this.#file, part, 0, part.length, at + done));
  }

  #write(values: Float32Array, at: number): void {
    inParts(values, this.limits.fileCallBytes, (part, done) => writeSync(this.#file, part, 0, part.length, at + done));
  }
}

/** A call may do less than it is asked for. @param most bytes of a call; @param call returns how much it did */
function inParts(
  { buffer, byteOffset, byteLength }: Float32Array,
  most: number,
  call: (part: Uint8Array, done: number) => number,
): void {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  for (let done = 0; done < bytes.length;) done += call(bytes.subarray(done, done + most), done);
}
