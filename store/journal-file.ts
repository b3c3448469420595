/**
 * A file of records that is only ever appended to. Each record is framed, so that what a killed writer left half written is
 * passed over, wherever it lies: an attempt that came after it appended behind it.
 *
 *     magic (8 bytes) | length (4, little-endian) | first 8 bytes of the content's SHA-256 | content
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './atomic-write.js';

const MAGIC = Buffer.from('\x89JOURNL\n', 'latin1');
const HEADER = MAGIC.length + 4 + 8;

export function frameRecord(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(content.byteLength);
  return Buffer.concat([MAGIC, length, checksum(content), content]);
}

/**
 * Adds a record at the end of the file, made where it is missing. Resolves when it is written, and outlives the process; `flushed`
 * resolves when the disk has it, and it outlives a power cut.
 */
export async function appendRecord(path: string, content: Uint8Array): Promise<{ flushed: Promise<void> }> {
  const file = await open(path, 'a');
  const flush = async (isNew: boolean): Promise<void> => {
    await file.datasync();
    if (isNew) await syncFolder(dirname(path));
  };
  try {
    const { size } = await file.stat();
    await file.appendFile(frameRecord(content));
    return { flushed: flush(size === 0).finally(() => file.close()) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The whole records of a journal, in order. */
export function readRecords(file: Buffer): Buffer[] {
  const records: Buffer[] = [];
  let at = file.indexOf(MAGIC);
  while (at >= 0) {
    const record = recordAt(file, at);
    if (record) records.push(record);
    // Behind a torn record the next one may begin anywhere.
    at = file.indexOf(MAGIC, record ? at + HEADER + record.length : at + 1);
  }
  return records;
}

function recordAt(file: Buffer, at: number): Buffer | undefined {
  if (at + HEADER > file.length) return undefined;
  const length = file.readUInt32LE(at + MAGIC.length);
  const start = at + HEADER;
  if (start + length > file.length) return undefined;
  const content = file.subarray(start, start + length);
  return checksum(content).equals(file.subarray(at + MAGIC.length + 4, start)) ? content : undefined;
}

function checksum(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, 8);
}
