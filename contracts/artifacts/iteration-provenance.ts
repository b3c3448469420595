import type { ArtifactRef } from './artifact-ref.js';

/**
 * How an iteration came about: what differs from run to run. Beside the record, which it names by hash, and chained like
 * the records.
 */
export interface IterationProvenance {
  readonly schema: 1;
  /** Workflow id of the run. */
  readonly run: string;
  readonly iteration: number;
  readonly record: ArtifactRef<'iteration-record'>;
  /** Provenance of the iteration before; null in the first. */
  readonly previous: ArtifactRef<'iteration-provenance'> | null;
  /** Seconds by phase, as the activities measured them, and of the whole. */
  readonly seconds: Readonly<Record<string, number>>;
  /** New tokens per second of generation. */
  readonly tokensPerSecond: number;
  /** What Temporal knows of the iteration's activities, in the order in which they were scheduled. */
  readonly activities: readonly ActivityTrace[];
  /** The processes that ran them, by identity; null where a process did not describe itself. */
  readonly workers: Readonly<Record<string, WorkerDescription | null>>;
}

/** One finished activity in a workflow's history. */
export interface ActivityTrace {
  /** Workflow id. */
  readonly workflow: string;
  readonly activity: string;
  /** 1: the first attempt succeeded. */
  readonly attempts: number;
  /** Why the attempt before the last failed. */
  readonly lastFailure: string | null;
  /** Identity of the worker that finished it. */
  readonly worker: string;
  /** ISO 8601; the server's clock. `started` is that of the last attempt. */
  readonly scheduled: string;
  readonly started: string;
  readonly ended: string;
}

export interface WorkerDescription {
  /** Of this package. */
  readonly version: string;
  /** Hash of the sources that were built; null where they run unbuilt. */
  readonly build: string | null;
  /** Name and version of what runs the model. */
  readonly engine: string;
  readonly node: string;
  /** `linux x64`. */
  readonly platform: string;
  readonly host: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
}
