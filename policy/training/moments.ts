/** First and second moments by parameter: in memory, or in a file where the model is large. */
import { closeSync, ftruncateSync, mkdirSync, openSync, read, readSync, unlinkSync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LearnLimits } from '../limits.js';
import type { ModelConfig } from '../model/config.js';
import { parameters, type Weights } from '../model/parameters.js';
import { sizeOf } from '../model/parameter-list.js';

/** @param from place of the piece's first entry in the parameter */
export type ChangeMoments = (parameter: string, first: Float32Array, second: Float32Array, from: number) => void;

export interface Moments {
  /** Calls `change` with the two moments of each parameter, piece after piece, which it may change in place. */
  change(parameters: Iterable<string>, change: ChangeMoments): Promise<void>;
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

  change(parameters: Iterable<string>, change: ChangeMoments): Promise<void> {
    for (const parameter of parameters) change(parameter, ...this.#moments.get(parameter)!, 0);
    return Promise.resolve();
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

const readSome = promisify(read);
const writeSome = promisify(write);

/** Pieces in memory: one is read and one is written while one is changed. */
const PIECES = 3;

interface Place {
  readonly parameter: string;
  /** Of the piece's first entry, in the parameter. */
  readonly from: number;
  /** Bytes in the file before the piece of the first moment, and of the second. */
  readonly at: readonly [number, number];
}

interface Piece extends Place {
  readonly moments: readonly [first: Float32Array, second: Float32Array];
}

/** A few pieces of the moments are in memory at a time. The file has no name, so that it goes with the process. */
export class MomentsInFile implements Moments {
  readonly #file: number;
  readonly #memory: readonly (readonly [Float32Array, Float32Array])[];
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
    const { momentsPiece: size } = limits;
    this.#memory = Array.from({ length: PIECES }, () => [new Float32Array(size), new Float32Array(size)]);
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

  async change(parameters: Iterable<string>, change: ChangeMoments): Promise<void> {
    const places = [...parameters].flatMap((parameter) => this.#placesOf(parameter));
    const written: Promise<void>[] = [];
    /** Into memory whose piece before is in the file. */
    const next = async (i: number): Promise<Piece | undefined> => {
      await written[i - PIECES];
      return places[i] && this.#readPiece(places[i], this.#memory[i % PIECES]);
    };
    let reading = thrownLater(next(0));
    for (let i = 0; i < places.length; i++) {
      const piece = (await reading)!;
      reading = thrownLater(next(i + 1));
      change(piece.parameter, ...piece.moments, piece.from);
      written.push(thrownLater(this.#writePiece(piece)));
    }
    await Promise.all([reading, ...written]);
  }

  read(parameter: string, which: 0 | 1): Float32Array {
    const { start, size } = this.#places.get(parameter)!;
    const moment = new Float32Array(size / Float32Array.BYTES_PER_ELEMENT);
    const bytes = bytesOf(moment);
    for (let done = 0; done < size;) {
      const part = bytes.subarray(done, done + this.limits.fileCallBytes);
      done += readSync(this.#file, part, 0, part.length, start + which * size + done);
    }
    return moment;
  }

  close(): void {
    closeSync(this.#file);
  }

  #placesOf(parameter: string): Place[] {
    const { start, size } = this.#places.get(parameter)!;
    const bytes = this.limits.momentsPiece * Float32Array.BYTES_PER_ELEMENT;
    return Array.from({ length: Math.ceil(size / bytes) }, (_, i) => {
      const at = start + i * bytes;
      return { parameter, from: i * this.limits.momentsPiece, at: [at, at + size] };
    });
  }

  async #readPiece(place: Place, [first, second]: Piece['moments']): Promise<Piece> {
    const left = this.#places.get(place.parameter)!.size / Float32Array.BYTES_PER_ELEMENT - place.from;
    const piece = { ...place, moments: [first.subarray(0, left), second.subarray(0, left)] } as const;
    await this.#inParts(piece, async (part, at) => {
      return (await readSome(this.#file, part, 0, part.length, at)).bytesRead;
    });
    return piece;
  }

  #writePiece(piece: Piece): Promise<void> {
    return this.#inParts(piece, async (part, at) => {
      return (await writeSome(this.#file, part, 0, part.length, at)).bytesWritten;
    });
  }

  /** Both at once. A call may do less than it is asked for. @param call returns how much it did */
  async #inParts({ moments, at }: Piece, call: (part: Uint8Array, at: number) => Promise<number>): Promise<void> {
    const one = async (bytes: Uint8Array, start: number): Promise<void> => {
      for (let done = 0; done < bytes.length;)
        done += await call(bytes.subarray(done, done + this.limits.fileCallBytes), start + done);
    };
    await Promise.all(moments.map((values, k) => one(bytesOf(values), at[k])));
  }
}

/** A failure is thrown where the promise is awaited, and not as an unhandled rejection. */
function thrownLater<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
