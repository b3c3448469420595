import { createHash } from 'node:crypto';
import type { ArtifactStore } from '../store/artifact-store.js';

/** Progress of one piece of work, kept in the store under the name of the work: any attempt on any worker finds it. */
export class Journal {
  constructor(
    private readonly store: ArtifactStore,
    private readonly key: string,
  ) {}

  /** Short name, for heartbeats and logs. */
  get name(): string {
    return createHash('sha256').update(this.key).digest('hex').slice(0, 12);
  }

  append(record: Uint8Array): Promise<void> {
    return this.store.append(this.key, record);
  }

  records(): Promise<Buffer[]> {
    return this.store.records(this.key);
  }

  forget(): Promise<void> {
    return this.store.forget(this.key);
  }
}
