/** Files whose content is named by its SHA-256. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { ArtifactKind, ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import { ArtifactDamaged } from './artifact-store.js';

export async function describe<Kind extends ArtifactKind>(
  kind: Kind,
  content: Uint8Array | string,
): Promise<ArtifactRef<Kind>> {
  const hash = typeof content === 'string' ? await hashFile(content) : createHash('sha256').update(content);
  const bytes = typeof content === 'string' ? (await stat(content)).size : content.byteLength;
  return { sha256: hash.digest('hex'), bytes, kind };
}

/** The file's state, once the disk has it. */
export async function flushedState(path: string): Promise<string> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
    return stateOf(await file.stat());
  } finally {
    await file.close();
  }
}

/** Copies a file, and makes sure that it did not change since it was described. */
export async function copyInto(target: FileHandle, source: string, ref: ArtifactRef): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    await target.writeFile(chunk);
  }
  requireMatch(ref, source, hash, ref.bytes);
}

export async function hashFile(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash;
}

export function requireMatch(ref: ArtifactRef, path: string, hash: Hash, bytes: number): void {
  requireSize(ref, path, bytes);
  const sha256 = hash.digest('hex');
  if (sha256 !== ref.sha256) throw new ArtifactDamaged(path, `its SHA-256 is ${sha256} instead of ${ref.sha256}`);
}

export function requireSize(ref: ArtifactRef, path: string, bytes: number): void {
  if (bytes !== ref.bytes) throw new ArtifactDamaged(path, `it has ${bytes} bytes instead of ${ref.bytes}`);
}

/** Changes whenever the file is written. */
export function stateOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`;
}
