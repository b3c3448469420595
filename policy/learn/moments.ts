/** First and second moments by parameter: in memory, or in a file where the model is large. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelConfig } from '../transformer/config.js';
import { parameters, sizeOf, type Weights } from '../transformer/parameters.js';

export interface Moments {
  /** Calls `change` with the two moments of a parameter, which it may change in place. */
  change(parameter: string, change: (first: Float32Array, second: Float32Array) => void): void;
  /** The two moments of a parameter, to be read. */
  read(parameter: string): readonly [first: Float32Array, second: Float32Array];
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

  change(parameter: string, change: (first: Float32Array, second: Float32Array) => void): void {
    change(...this.read(parameter));
  }

  read(parameter: string): readonly [Float32Array, Float32Array] {
    return this.#moments.get(parameter)!;
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

/** Moments of one parameter are in memory at a time. The file has no name, so that it goes with the process. */
export class MomentsInFile implements Moments {
  readonly #file: number;
  /** In bytes; the first moment, behind it the second, of `size` each. */
  readonly #places = new Map<string, { readonly start: number; readonly size: number }>();

  /**
   * All zero.
   * @param folder made where it is missing; needs room for twice the model
   * @param callBytes that one call reads or writes at most
   */
  constructor(
    config: ModelConfig,
    folder: string,
    private readonly callBytes: number,
  ) {
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

  change(parameter: string, change: (first: Float32Array, second: Float32Array) => void): void {
    const both = this.#both(parameter);
    change(both.subarray(0, both.length / 2), both.subarray(both.length / 2));
    this.#inParts(parameter, both, (part, at) => writeSync(this.#file, part, 0, part.length, at));
  }

  read(parameter: string): readonly [Float32Array, Float32Array] {
    const both = this.#both(parameter);
    return [both.subarray(0, both.length / 2), both.subarray(both.length / 2)];
  }

  close(): void {
    closeSync(this.#file);
  }

  #both(parameter: string): Float32Array {
    const both = new Float32Array((2 * this.#places.get(parameter)!.size) / Float32Array.BYTES_PER_ELEMENT);
    this.#inParts(parameter, both, (part, at) => readSync(this.#file, part, 0, part.length, at));
    return both;
  }

  /** A call may do less than it is asked for. */
  #inParts(parameter: string, both: Float32Array, call: (part: Uint8Array, at: number) => number): void {
    const { start } = this.#places.get(parameter)!;
    const bytes = new Uint8Array(both.buffer);
    for (let done = 0; done < bytes.length;) done += call(bytes.subarray(done, done + this.callBytes), start + done);
  }
}
