/** safetensors files on disk, tensor by tensor: for weights too large to hold twice. */
import { open, type FileHandle } from 'node:fs/promises';
import type { NumericArray } from './dtype.js';
import {
  CheckpointDamaged,
  headerLength,
  LENGTH_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorInfo,
} from './safetensors-header.js';
import { safetensorsParts, toArray, type Metadata, type TensorInput } from './safetensors.js';

export class SafetensorsFile {
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
    const info = this.header.tensors.get(name);
    if (info === undefined) throw new CheckpointDamaged(this.path, [`tensor ${JSON.stringify(name)} is missing`]);
    return toArray(await this.#bytesOf(info), info);
  }

  close(): Promise<void> {
    return this.file.close();
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
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; done += LARGEST_READ)
    await file.writeFile(bytes.subarray(done, done + LARGEST_READ));
}

/** One read gives at most 2 GiB, and may give less than asked for. */
const LARGEST_READ = 2 ** 30;

async function readAt(path: string, file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, LARGEST_READ), position + done);
    if (bytesRead === 0)
      throw new CheckpointDamaged(path, [`it ends at byte ${position + done}, in the middle of its data`]);
    done += bytesRead;
  }
  return bytes;
}
