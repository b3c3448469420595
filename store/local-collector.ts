/**
 * Removes artifacts from a store in a folder while others work with it. What has been written or asked for within the lease is
 * never touched. The rest is set aside first, where readers still find it and bring it back; what nobody brought back is removed.
 */
import { randomUUID } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { refsIn } from '../contracts/artifacts/artifact-ref.js';
import { ifAbsent } from './absent.js';

export interface StoredObject {
  readonly sha256: string;
  readonly bytes: number;
  /** Since it was written or last asked for, by the file system's clock. */
  readonly ageMs: number;
  readonly path: string;
}

/** Where an artifact waits between being set aside and being removed. */
export function asidePath(folder: string, objectPath: string): string {
  return join(folder, 'aside', basename(objectPath));
}

/** Brings back what was set aside; false when nothing was. */
export function restore(folder: string, objectPath: string): Promise<boolean> {
  return rename(asidePath(folder, objectPath), objectPath).then(() => true, ifAbsent(false));
}

export class LocalCollector {
  /** @param folder that of the store */
  constructor(private readonly folder: string) {}

  async list(): Promise<StoredObject[]> {
    await this.#restoreAll();
    const now = await this.#now();
    const paths = await filesIn(join(this.folder, 'objects'));
    const found = await Promise.all(
      paths.map(async (path) => {
        const entry = await stat(path).catch(ifAbsent(false));
        return entry && { sha256: basename(path).split('.')[0], bytes: entry.size, ageMs: now - entry.mtimeMs, path };
      }),
    );
    return found.filter((object) => object !== false);
  }

  /** False where it was used meanwhile, and stays. */
  async remove({ path }: StoredObject, leaseMs: number): Promise<boolean> {
    const now = await this.#now();
    const isLeased = async (at: string): Promise<boolean> => now - (await stat(at)).mtimeMs < leaseMs;
    const aside = asidePath(this.folder, path);
    try {
      if (await isLeased(path)) return false;
      await mkdir(dirname(aside), { recursive: true });
      await rename(path, aside);
      if (await isLeased(aside)) {
        await restore(this.folder, path);
        return false;
      }
      await unlink(aside);
      return true;
    } catch (error) {
      return ifAbsent(false)(error); // a reader brought it back, or another collection was faster
    }
  }

  /** Remembered results, older than the lease, that speak of artifacts which are gone. */
  async removeResults(gone: ReadonlySet<string>, leaseMs: number): Promise<number> {
    const now = await this.#now();
    let removed = 0;
    for (const path of await filesIn(join(this.folder, 'results'))) {
      const text = await readFile(path, 'utf8').catch(ifAbsent(false));
      if (text === false || !refsIn(parsed(text)).some(({ sha256 }) => gone.has(sha256))) continue;
      if (now - (await stat(path)).mtimeMs < leaseMs) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  /** What a killed collection left. */
  async #restoreAll(): Promise<void> {
    for (const path of await filesIn(join(this.folder, 'aside'))) {
      const name = basename(path);
      await restore(this.folder, join(this.folder, 'objects', name.slice(0, 2), name));
    }
  }

  /** The clock that the ages are taken by. */
  async #now(): Promise<number> {
    const probe = join(this.folder, 'incoming', randomUUID());
    await mkdir(dirname(probe), { recursive: true });
    await (await open(probe, 'wx')).close();
    try {
      return (await stat(probe)).mtimeMs;
    } finally {
      await rm(probe, { force: true });
    }
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(ifAbsent<Dirent[]>([]));
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Undefined for a result that is damaged: nothing can be told of it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
