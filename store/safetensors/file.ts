/** safetensors files on disk, tensor by tensor: for weights too large to hold twice. */
import { open, type FileHandle } from 'node:fs/promises';
import { type Format, formats, type NumericArray } from './dtype.js';
import {
  CheckpointDamaged,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorInfo,
} from './header.js';
import { safetensorsParts, toArray, type Metadata, type TensorInput } from './safetensors.js';

/** What is read of a tensor at a time to become float32. */
const PIECE_ELEMENTS = 2 ** 20;
const LARGEST_ELEMENT = 8;

export class SafetensorsFile {
  /** Free for the next one to read through: as many as there were readers at once. */
  readonly #pieces: Uint8Array[] = [];

  private constructor(
    readonly path: string,
    readonly header: SafetensorsHeader,
    readonly file: FileHandle,
  ) {}

  /** Reads and checks the header only. Rejects with `CheckpointDamaged`; close it in the end. */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const start = await readAt(path, file, 0, Math.min(LENGTH_BYTES, size));
      const json = await readAt(path, file, LENGTH_BYTES, headerLength(path, start, size));
      return new SafetensorsFile(path, parseHeader(path, json, size), file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * One tensor, flat; half precision is widened to float32.
   * Rejects with `CheckpointDamaged` when there is none of that name or the file became shorter.
   */
  async read(name: string): Promise<NumericArray> {
    const info = this.#infoOf(name);
    return toArray(await this.#bytesOf(info), info);
  }

  /**
   * One tensor as float32 into given memory, which spares most of a large one's time: fresh memory is slow. Of several at once
   * one is read while another becomes float32.
   * Rejects with `CheckpointDamaged`, also when it has another number of elements.
   */
  async readInto(name: string, into: Float32Array): Promise<void> {
    const { begin, end, dtype } = this.#infoOf(name);
    const { size, view, widen }: Format = formats[dtype];
    if (end - begin !== into.length * size)
      throw new CheckpointDamaged(this.path, [`tensor ${JSON.stringify(name)} has not ${into.length} elements`]);
    if (dtype === 'F32') {
      await fill(this.path, this.file, begin, new Uint8Array(into.buffer, into.byteOffset, into.byteLength));
      return;
    }
    const piece = this.#pieces.pop() ?? new Uint8Array(PIECE_ELEMENTS * LARGEST_ELEMENT);
    for (let from = 0; from < into.length; from += PIECE_ELEMENTS) {
      const part = into.subarray(from, from + PIECE_ELEMENTS);
      const bytes = piece.subarray(0, part.length * size);
      await fill(this.path, this.file, begin + from * size, bytes);
      if (widen) widen(bytes, part);
      else part.set(Float32Array.from(view(bytes) as Float64Array));
    }
    this.#pieces.push(piece);
  }

  /** Whether a tensor holds the same values, in the same format, as one of another file. Rejects with `CheckpointDamaged`. */
  async equals(name: string, other: SafetensorsFile, otherName: string): Promise<boolean> {
    const [mine, theirs] = [this.#infoOf(name), other.#infoOf(otherName)];
    const length = mine.end - mine.begin;
    if (mine.dtype !== theirs.dtype || length !== theirs.end - theirs.begin) return false;
    const step = PIECE_ELEMENTS * LARGEST_ELEMENT;
    for (let from = 0; from < length; from += step) {
      const size = Math.min(step, length - from);
      const [a, b] = await Promise.all([
        readAt(this.path, this.file, mine.begin + from, size),
        readAt(other.path, other.file, theirs.begin + from, size),
      ]);
      if (Buffer.compare(a, b) !== 0) return false;
    }
    return true;
  }

  close(): Promise<void> {
    return this.file.close();
  }

  #infoOf(name: string): TensorInfo {
    const info = this.header.tensors.get(name);
    if (info === undefined) throw new CheckpointDamaged(this.path, [`tensor ${JSON.stringify(name)} is missing`]);
    return info;
  }

  #bytesOf({ begin, end }: TensorInfo): Promise<Uint8Array> {
    return readAt(this.path, this.file, begin, end - begin);
  }
}

/** Writes the same bytes as `encodeSafetensors`, and flushes them to the disk. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, TensorInput>>,
  metadata: Metadata = {},
): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const part of safetensorsParts(tensors, metadata)) await writeAll(file, part());
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One write takes at most 2 GiB. */
const LARGEST_WRITE = 2 ** 30;

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; done += LARGEST_WRITE)
    await file.writeFile(bytes.subarray(done, done + LARGEST_WRITE));
}

async function readAt(path: string, file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await fill(path, file, position, bytes);
  return bytes;
}

/** What one of several reads of a tensor gives: a core copies it while others copy the next ones. */
const PART_BYTES = 2 ** 20;

/** In parts side by side: one core alone copies and clears fresh memory slower than it could be read. */
async function fill(path: string, file: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  const parts: Promise<void>[] = [];
  for (let from = 0; from < bytes.length; from += PART_BYTES)
    parts.push(fillPart(path, file, position + from, bytes.subarray(from, from + PART_BYTES)));
  await Promise.all(parts);
}

/** One read may give less than asked for. */
async function fillPart(path: string, file: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0)
      throw new CheckpointDamaged(path, [`it ends at byte ${(await file.stat()).size}, in the middle of its data`]);
    done += bytesRead;
  }
}
