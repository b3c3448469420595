import type { ArtifactRef } from './artifact-ref.js';
import type { IterationRecord } from './iteration-record.js';

/** A line of `ledger.jsonl` in a run's folder. The last one is the run's head: what a run keeps in the store hangs on it. */
export interface LedgerLine extends IterationRecord {
  /** The iteration. */
  readonly number: number;
  /** Name and size of the record. */
  readonly sha256: string;
  readonly bytes: number;
  readonly provenance: ArtifactRef<'iteration-provenance'>;
}

export const LEDGER_FILE = 'ledger.jsonl';
