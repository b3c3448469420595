/**
 * The artifact store in a folder of the local file system (or a shared one):
 *
 *     objects/ab/abcd….safetensors   artifacts
 *     results/01/0123….json          remembered values, named by the SHA-256 of their key
 *     journals/0123….journal         progress of unfinished work, named likewise
 *     incoming/                      unfinished writes
 *     aside/                         artifacts that a collection is about to remove
 *     store.json                     says that this is a store: an empty folder is one whose file system is not mounted
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ArtifactKind, ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import { canonicalJson } from '../contracts/artifacts/canonical-json.js';
import { ArtifactDamaged, ArtifactMissing, type ArtifactStore, type PathsOf, type RefsOf } from './artifact-store.js';
import { ifAbsent, isAbsent } from './absent.js';
import { putInPlace, removeLeftovers, writeAtomically } from './atomic-write.js';
import { copyInto, describe, flushedState, hashFile, requireMatch, requireSize, stateOf } from './hashed-file.js';
import { appendRecord, readRecords } from './journal-file.js';
import { restore } from './local-collector.js';
import { storeError } from './store-error.js';

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
  'iteration-provenance': 'json',
};

export class LocalArtifactStore implements ArtifactStore {
  readonly #folder: string;
  readonly #incoming: string;
  readonly #journals: string;
  readonly #mark: string;
  /** Journals whose last record is on its way to the disk, by key. */
  readonly #flushing = new Map<string, Promise<void>>();
  /** Files that matched their name, by path: a file that did not change since is not hashed again. */
  readonly #verified = new Map<string, string>();

  private constructor(folder: string) {
    this.#folder = folder;
    this.#incoming = join(folder, 'incoming');
    this.#journals = join(folder, 'journals');
    this.#mark = join(folder, 'store.json');
  }

  /** Makes the folder when it is missing. Rejects with `StoreUnwritable` or `StoreFull` when nothing can be written there. */
  static async open(folder: string): Promise<LocalArtifactStore> {
    const store = new LocalArtifactStore(resolve(folder));
    await store.#named(async () => {
      await removeLeftovers(store.#incoming, UNFINISHED_WRITE_MS);
      await removeLeftovers(store.#journals, ABANDONED_WORK_MS);
      if (!(await store.#isThere())) await store.#put(store.#mark, `${JSON.stringify({ schema: 1 })}\n`);
    });
    return store;
  }

  async put<Kind extends ArtifactKind>(kind: Kind, content: Uint8Array | string): Promise<ArtifactRef<Kind>> {
    const ref = await describe(kind, content);
    if ((await this.#isIntact(ref)) && (await this.renew(ref))) return ref;
    await this.#writing(async () => {
      let written = '';
      const path = await writeAtomically(this.#incoming, async (file) => {
        if (typeof content === 'string') await copyInto(file, content, ref);
        else await file.writeFile(content);
        written = stateOf(await file.stat());
        return this.#pathOf(ref);
      });
      this.#verified.set(path, written);
    });
    return ref;
  }

  putWritten<const Kinds extends readonly ArtifactKind[]>(
    kinds: Kinds,
    write: (paths: PathsOf<Kinds>) => Promise<void>,
  ): Promise<RefsOf<Kinds>> {
    return this.#writing(async () => {
      await mkdir(this.#incoming, { recursive: true });
      const files = kinds.map((kind) => ({ kind, path: join(this.#incoming, randomUUID()) }));
      try {
        await write(files.map(({ path }) => path) as unknown as PathsOf<Kinds>);
        const refs: ArtifactRef[] = [];
        for (const { kind, path } of files) refs.push(await this.#take(kind, path));
        return refs as RefsOf<Kinds>;
      } finally {
        await Promise.all(files.map(({ path }) => rm(path, { force: true })));
      }
    });
  }

  async get(ref: ArtifactRef): Promise<Buffer> {
    const path = this.#pathOf(ref);
    const content = await this.#found(path, () => readFile(path));
    if (!content) throw new ArtifactMissing(ref, path);
    requireMatch(ref, path, createHash('sha256').update(content), content.length);
    return content;
  }

  async localPath(ref: ArtifactRef): Promise<string> {
    const path = this.#pathOf(ref);
    const entry = await this.#found(path, () => stat(path));
    if (!entry) throw new ArtifactMissing(ref, path);
    const { size } = entry;
    requireSize(ref, path, size);
    const state = stateOf(entry);
    if (this.#verified.get(path) !== state) {
      const hash = await this.#found(path, () => hashFile(path));
      if (!hash) throw new ArtifactMissing(ref, path);
      requireMatch(ref, path, hash, size);
      this.#verified.set(path, state);
    }
    return path;
  }

  async has(ref: ArtifactRef): Promise<boolean> {
    const path = this.#pathOf(ref);
    return (await this.#found(path, () => stat(path)))?.size === ref.bytes;
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
    return (await this.#found(path, renew)) ?? false;
  }

  async remember(key: string, value: unknown): Promise<void> {
    const text = canonicalJson({ key, value });
    await this.#writing(() => this.#put(this.#resultPath(key), text));
  }

  async recall(key: string): Promise<unknown> {
    const path = this.#resultPath(key);
    const text = await this.#found(path, () => readFile(path, 'utf8'));
    return text === undefined ? undefined : parseResult(path, text, key);
  }

  append(key: string, record: Uint8Array): Promise<void> {
    return this.#writing(async () => {
      await this.#flushed(key); // so one record at most is not on the disk
      const { flushed } = await appendRecord(this.#journalPath(key), record);
      flushed.catch(() => undefined); // the next one hears of it
      this.#flushing.set(key, flushed);
    });
  }

  async records(key: string): Promise<Buffer[]> {
    const path = this.#journalPath(key);
    const file = await this.#found(path, () => readFile(path));
    return file === undefined ? [] : readRecords(file);
  }

  forget(key: string): Promise<void> {
    return this.#writing(async () => {
      await this.#flushed(key).catch(() => undefined);
      await rm(this.#journalPath(key), { force: true });
    });
  }

  /** Undefined where the store has no such file. Tries again where a collection has set the artifact aside meanwhile. */
  async #found<T>(path: string, use: () => Promise<T>): Promise<T | undefined> {
    return this.#named(async () => {
      for (let restored = false; ; restored = true) {
        try {
          return await use();
        } catch (error) {
          if (!isAbsent(error)) throw error;
          if (!restored && (await restore(this.#folder, path))) continue;
          if (await this.#isThere()) return undefined;
          throw error;
        }
      }
    });
  }

  async #flushed(key: string): Promise<void> {
    const flushed = this.#flushing.get(key);
    this.#flushing.delete(key);
    await flushed;
  }

  async #isThere(): Promise<boolean> {
    return stat(this.#mark).then(() => true, ifAbsent(false));
  }

  #put(path: string, text: string): Promise<string> {
    return writeAtomically(this.#incoming, async (file) => {
      await file.writeFile(text);
      return path;
    });
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

  /** Moves a file to where artifacts are. */
  async #take(kind: ArtifactKind, written: string): Promise<ArtifactRef> {
    const state = await flushedState(written);
    const ref = await describe(kind, written);
    if ((await this.#isIntact(ref)) && (await this.renew(ref))) return ref;
    const path = this.#pathOf(ref);
    await putInPlace(written, path);
    this.#verified.set(path, state);
    return ref;
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

  /** Does not begin where the store is away: it would make another one in its place. */
  #writing<T>(write: () => Promise<T>): Promise<T> {
    return this.#named(async () => {
      await stat(this.#mark);
      return write();
    });
  }

  /** Gives the errors of the system the name of what they mean. */
  async #named<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw storeError(this.#folder, error as NodeJS.ErrnoException);
    }
  }
}

/** Longer than any write takes: a younger file may still be being written by another process. */
const UNFINISHED_WRITE_MS = 3_600_000;
/** Longer than any activity is retried: nobody comes back for an older journal. */
const ABANDONED_WORK_MS = 7 * 24 * 3_600_000;

function nameOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
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
