/**
 * The artifact store in a folder of the local file system (or a shared one):
 *
 *     objects/ab/abcd….safetensors   artifacts
 *     results/01/0123….json          remembered values, named by the SHA-256 of their key
 *     journals/0123….journal         progress of unfinished work, named likewise
 *     incoming/                      unfinished writes
 *     aside/                         artifacts that a collection is about to remove
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { appendFile, readFile, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ArtifactKind, ArtifactRef } from '../contracts/artifact-ref.js';
import { canonicalJson } from '../contracts/canonical-json.js';
import { ArtifactDamaged, ArtifactMissing, StoreFull, StoreUnwritable, type ArtifactStore } from './artifact-store.js';
import { removeLeftovers, writeAtomically } from './atomic-write.js';
import { frameRecord, readRecords } from './journal-file.js';
import { restore } from './local-collector.js';

const EXTENSIONS: Record<ArtifactKind, string> = {
  policy: 'json',
  weights: 'safetensors',
  optimizer: 'safetensors',
  'model-file': 'bin',
  problems: 'json',
  tokens: 'safetensors',
  verdicts: 'json',
  scores: 'safetensors',
  'branch-points': 'json',
  tree: 'json',
  rows: 'safetensors',
  evaluation: 'json',
  manifest: 'json',
  'iteration-record': 'json',
  'iteration-journal': 'json',
};

export class LocalArtifactStore implements ArtifactStore {
  readonly #folder: string;
  readonly #incoming: string;
  readonly #journals: string;
  /** Files that matched their name, by path: a file that did not change since is not hashed again. */
  readonly #verified = new Map<string, string>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#incoming = join(folder, 'incoming');
    this.#journals = join(folder, 'journals');
  }

  /** Makes the folder when it is missing. Rejects with `StoreUnwritable` or `StoreFull` when nothing can be written there. */
  static async open(folder: string): Promise<LocalArtifactStore> {
    const store = new LocalArtifactStore(resolve(folder));
    await store.#writing(() => removeLeftovers(store.#incoming, UNFINISHED_WRITE_MS));
    await store.#writing(() => removeLeftovers(store.#journals, ABANDONED_WORK_MS));
    return store;
  }

  async put(kind: ArtifactKind, content: Uint8Array | string): Promise<ArtifactRef> {
    const ref = await describe(kind, content);
    if ((await this.#isIntact(ref)) && (await this.renew(ref))) return ref;
    await this.#writing(() =>
      writeAtomically(this.#incoming, async (file) => {
        if (typeof content === 'string') await copyInto(file, content, ref);
        else await file.writeFile(content);
        return this.#pathOf(ref);
      }),
    );
    return ref;
  }

  async get(ref: ArtifactRef): Promise<Buffer> {
    const path = this.#pathOf(ref);
    const content = await this.#restoring(path, () => readFile(path)).catch(missing(ref, path));
    requireMatch(ref, path, createHash('sha256').update(content), content.length);
    return content;
  }

  async localPath(ref: ArtifactRef): Promise<string> {
    const path = this.#pathOf(ref);
    const entry = await this.#restoring(path, () => stat(path)).catch(missing(ref, path));
    const { size } = entry;
    requireSize(ref, path, size);
    const state = stateOf(entry);
    if (this.#verified.get(path) !== state) {
      requireMatch(ref, path, await hashFile(path), size);
      this.#verified.set(path, state);
    }
    return path;
  }

  async has(ref: ArtifactRef): Promise<boolean> {
    const path = this.#pathOf(ref);
    return (await this.#restoring(path, () => stat(path)).catch(undefinedIfMissing))?.size === ref.bytes;
  }

  async renew(ref: ArtifactRef): Promise<boolean> {
    if (!(await this.has(ref))) return false;
    const path = this.#pathOf(ref);
    const now = new Date();
    const renew = async (): Promise<boolean> => {
      const verified = this.#verified.get(path) === stateOf(await stat(path));
      await utimes(path, now, now);
      if (verified) this.#verified.set(path, stateOf(await stat(path)));
      return true;
    };
    return (await this.#restoring(path, renew).catch(undefinedIfMissing)) ?? false;
  }

  async remember(key: string, value: unknown): Promise<void> {
    const text = canonicalJson({ key, value });
    await this.#writing(() =>
      writeAtomically(this.#incoming, async (file) => {
        await file.writeFile(text);
        return this.#resultPath(key);
      }),
    );
  }

  async recall(key: string): Promise<unknown> {
    const path = this.#resultPath(key);
    const text = await readFile(path, 'utf8').catch(undefinedIfMissing);
    return text === undefined ? undefined : parseResult(path, text, key);
  }

  append(key: string, record: Uint8Array): Promise<void> {
    return this.#writing(() => appendFile(this.#journalPath(key), frameRecord(record)));
  }

  async records(key: string): Promise<Buffer[]> {
    const file = await readFile(this.#journalPath(key)).catch(undefinedIfMissing);
    return file === undefined ? [] : readRecords(file);
  }

  forget(key: string): Promise<void> {
    return this.#writing(() => rm(this.#journalPath(key), { force: true }));
  }

  /** Tries again where a collection has set the artifact aside meanwhile. */
  async #restoring<T>(path: string, use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } catch (error) {
      if (!isAbsent(error) || !(await restore(this.#folder, path))) throw error;
      return use();
    }
  }

  #pathOf({ sha256, kind }: ArtifactRef): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TypeError(`not a SHA-256: ${JSON.stringify(sha256)}`);
    return join(this.#folder, 'objects', sha256.slice(0, 2), `${sha256}.${EXTENSIONS[kind]}`);
  }

  #resultPath(key: string): string {
    const name = nameOf(key);
    return join(this.#folder, 'results', name.slice(0, 2), `${name}.json`);
  }

  #journalPath(key: string): string {
    return join(this.#journals, `${nameOf(key)}.journal`);
  }

  /** A damaged artifact counts as absent here: writing it again repairs it. */
  async #isIntact(ref: ArtifactRef): Promise<boolean> {
    if (!(await this.has(ref))) return false;
    return this.localPath(ref).then(
      () => true,
      (error: unknown) => {
        if (error instanceof ArtifactDamaged || error instanceof ArtifactMissing) return false;
        throw error;
      },
    );
  }

  async #writing<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      const cause = error as NodeJS.ErrnoException;
      if (cause.code === 'ENOSPC' || cause.code === 'EDQUOT') throw new StoreFull(this.#folder, { cause });
      if (UNWRITABLE.has(cause.code ?? '')) throw new StoreUnwritable(this.#folder, { cause });
      throw error;
    }
  }
}

/** Longer than any write takes: a younger file may still be being written by another process. */
const UNFINISHED_WRITE_MS = 3_600_000;
/** Longer than any activity is retried: nobody comes back for an older journal. */
const ABANDONED_WORK_MS = 7 * 24 * 3_600_000;

const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']);

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

async function describe(kind: ArtifactKind, content: Uint8Array | string): Promise<ArtifactRef> {
  const hash = typeof content === 'string' ? await hashFile(content) : createHash('sha256').update(content);
  const bytes = typeof content === 'string' ? (await stat(content)).size : content.byteLength;
  return { sha256: hash.digest('hex'), bytes, kind };
}

/** Copies a file, and makes sure that it did not change since it was described. */
async function copyInto(target: FileHandle, source: string, ref: ArtifactRef): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(source) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    await target.writeFile(chunk);
  }
  requireMatch(ref, source, hash, ref.bytes);
}

async function hashFile(path: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash;
}

function requireMatch(ref: ArtifactRef, path: string, hash: Hash, bytes: number): void {
  requireSize(ref, path, bytes);
  const sha256 = hash.digest('hex');
  if (sha256 !== ref.sha256) throw new ArtifactDamaged(path, `its SHA-256 is ${sha256} instead of ${ref.sha256}`);
}

function requireSize(ref: ArtifactRef, path: string, bytes: number): void {
  if (bytes !== ref.bytes) throw new ArtifactDamaged(path, `it has ${bytes} bytes instead of ${ref.bytes}`);
}

function parseResult(path: string, text: string, key: string): unknown {
  let result: { key?: unknown; value?: unknown };
  try {
    result = JSON.parse(text) as typeof result;
  } catch (error) {
    throw new ArtifactDamaged(path, `it is not JSON (${(error as Error).message})`);
  }
  if (result.key !== key) throw new ArtifactDamaged(path, 'it belongs to another key');
  return result.value;
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function undefinedIfMissing(error: unknown): undefined {
  if (!isAbsent(error)) throw error;
}

function missing(ref: ArtifactRef, path: string) {
  return (error: unknown): never => {
    throw isAbsent(error) ? new ArtifactMissing(ref, path) : error;
  };
}

/** Changes whenever the file is written. */
function stateOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`;
}
