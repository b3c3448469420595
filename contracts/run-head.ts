import type { ArtifactRef } from './artifact-ref.js';

/** `head.json` in a run's folder: the ends of its chains. What a run keeps in the store hangs on it. */
export interface RunHead {
  /** Workflow id. */
  readonly run: string;
  readonly manifest: ArtifactRef;
  /** Record of the newest iteration, and its journal. */
  readonly record: ArtifactRef;
  readonly journal: ArtifactRef;
}

export const HEAD_FILE = 'head.json';
