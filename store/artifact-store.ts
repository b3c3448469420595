import { AttemptError } from '../contracts/errors/retry-policy.js';
import type { ArtifactKind, ArtifactRef } from '../contracts/artifacts/artifact-ref.js';

/** One for each kind, in their order. */
export type RefsOf<Kinds extends readonly ArtifactKind[]> = {
  -readonly [Place in keyof Kinds]: ArtifactRef<Kinds[Place]>;
};
export type PathsOf<Kinds extends readonly ArtifactKind[]> = { readonly [Place in keyof Kinds]: string };

/**
 * Immutable artifacts named by the SHA-256 of their content, and small named results. Every implementation passes
 * `test/store/artifact-store.contract.ts`.
 *
 * A write is seen wholly or not at all. It rejects with `StoreFull` or `StoreUnwritable` and leaves nothing behind. While the
 * store is away, everything rejects with `StoreUnreachable`: nothing in it counts as missing.
 */
export interface ArtifactStore {
  /**
   * Keeps the content; costs little when it is there already.
   * @param content the bytes, or the path of a local file that holds them (it is copied)
   */
  put<Kind extends ArtifactKind>(kind: Kind, content: Uint8Array | string): Promise<ArtifactRef<Kind>>;

  /**
   * Keeps files, too large to be copied, that somebody else writes: one per kind, moved from where they were written.
   * @param write fills the files of the given paths; it may replace what it wrote, but nothing once it has resolved
   */
  putWritten<const Kinds extends readonly ArtifactKind[]>(
    kinds: Kinds,
    write: (paths: PathsOf<Kinds>) => Promise<void>,
  ): Promise<RefsOf<Kinds>>;

  /** The content (less than 2 GiB), checked against its name. Rejects with `ArtifactMissing` or `ArtifactDamaged`. */
  get(ref: ArtifactRef): Promise<Buffer>;

  /** Path of a local file with the content, checked like `get`. The file is not to be changed. */
  localPath(ref: ArtifactRef): Promise<string>;

  /** True when an artifact of that name and size is there; its content is checked when it is read. */
  has(ref: ArtifactRef): Promise<boolean>;

  /**
   * Like `has`, and keeps it from being collected for the time of a lease: for who found it and is about to refer to it.
   * `put` does the same.
   */
  renew(ref: ArtifactRef): Promise<boolean>;

  /**
   * Keeps a small JSON value under a key, instead of what was there.
   * @param key any text: what identifies the work that gave the value
   */
  remember(key: string, value: unknown): Promise<void>;

  /** The value remembered under the key; `undefined` when there is none. */
  recall(key: string): Promise<unknown>;

  /**
   * Adds a record to the journal of a key: progress of work that is not done yet. It outlives the process when
   * this resolves, and a power cut when the next one does.
   */
  append(key: string, record: Uint8Array): Promise<void>;

  /** The journal's records, in order; what was torn is left out. Empty when there is none. */
  records(key: string): Promise<Buffer[]>;

  /** Removes the journal: the work is done. */
  forget(key: string): Promise<void>;
}

/** Nothing lies under that name. */
export class ArtifactMissing extends AttemptError {
  override readonly name = 'ArtifactMissing';
  override readonly retry = 'never';
  constructor(
    readonly ref: ArtifactRef,
    readonly where: string,
  ) {
    super(
      `${ref.kind} ${ref.sha256} is not in the artifact store (looked for ${where}). It could be because the store was ` +
        'cleaned, or because this process uses another store than the one that wrote it: compare their folders.',
    );
  }
}

/** What lies under a name is not what the name says. It is never used. */
export class ArtifactDamaged extends AttemptError {
  override readonly name = 'ArtifactDamaged';
  override readonly retry = 'never';
  constructor(
    readonly where: string,
    readonly damage: string,
  ) {
    super(
      `${where} is damaged: ${damage}. It could be because of a failing disk or a changed file: check the disk, delete ` +
        'the file and restore it from a copy or repeat the work that made it.',
    );
  }
}

/** No room for an artifact. */
export class StoreFull extends AttemptError {
  override readonly name = 'StoreFull';
  override readonly retry = 'outage';
  constructor(
    readonly folder: string,
    options: ErrorOptions,
  ) {
    super(`No space left in the artifact store ${folder}: free some, then the work can go on.`, options);
  }
}

/** The store takes no writes for another reason than room. */
export class StoreUnwritable extends AttemptError {
  override readonly name = 'StoreUnwritable';
  override readonly retry = 'outage';
  constructor(
    readonly folder: string,
    options: ErrorOptions & { cause: NodeJS.ErrnoException },
  ) {
    super(
      `The artifact store ${folder} cannot be written (${options.cause.code ?? options.cause.message}): check that it is a folder, ` +
        'that it belongs to this user and that its file system is not mounted read-only.',
      options,
    );
  }
}

/** The store is not there just now. */
export class StoreUnreachable extends AttemptError {
  override readonly name = 'StoreUnreachable';
  override readonly retry = 'outage';
  constructor(
    readonly folder: string,
    options: ErrorOptions & { cause: NodeJS.ErrnoException },
  ) {
    super(
      `The artifact store ${folder} cannot be reached (${options.cause.code ?? options.cause.message}): check that its file ` +
        'system is mounted and answers. The work goes on when it does.',
      options,
    );
  }
}
