import type { ArtifactKind, ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore, PathsOf, RefsOf } from '../../store/artifact-store.js';

/** Reads what another store holds and writes beside it, without that store's memory: work done on it is done anew. */
export class ScratchStore implements ArtifactStore {
  constructor(
    private readonly base: ArtifactStore,
    private readonly scratch: ArtifactStore,
  ) {}

  put<Kind extends ArtifactKind>(kind: Kind, content: Uint8Array | string): Promise<ArtifactRef<Kind>> {
    return this.scratch.put(kind, content);
  }

  putWritten<const Kinds extends readonly ArtifactKind[]>(
    kinds: Kinds,
    write: (paths: PathsOf<Kinds>) => Promise<void>,
  ): Promise<RefsOf<Kinds>> {
    return this.scratch.putWritten(kinds, write);
  }

  async get(ref: ArtifactRef): Promise<Buffer> {
    return (await this.#holder(ref)).get(ref);
  }

  async localPath(ref: ArtifactRef): Promise<string> {
    return (await this.#holder(ref)).localPath(ref);
  }

  async has(ref: ArtifactRef): Promise<boolean> {
    return (await this.#holder(ref)).has(ref);
  }

  async renew(ref: ArtifactRef): Promise<boolean> {
    return (await this.#holder(ref)).renew(ref);
  }

  remember(key: string, value: unknown): Promise<void> {
    return this.scratch.remember(key, value);
  }

  recall(key: string): Promise<unknown> {
    return this.scratch.recall(key);
  }

  append(key: string, record: Uint8Array): Promise<void> {
    return this.scratch.append(key, record);
  }

  records(key: string): Promise<Buffer[]> {
    return this.scratch.records(key);
  }

  forget(key: string): Promise<void> {
    return this.scratch.forget(key);
  }

  async #holder(ref: ArtifactRef): Promise<ArtifactStore> {
    return (await this.scratch.has(ref)) ? this.scratch : this.base;
  }
}
