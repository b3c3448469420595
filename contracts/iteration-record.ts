import type { ArtifactRef } from './artifact-ref.js';
import type { SteeringEvent } from './steering.js';
import type { ControllerState, InitialBatch, IterationMetrics } from './run.js';

/**
 * The commit of one iteration: every input, decision and output by reference, chained to the record before.
 * It holds no clock and no name of a run, except in what users did to the run (`steering`): the same configuration, left
 * alone, gives the same chain.
 */
export interface IterationRecord {
  readonly schema: 1;
  readonly iteration: number;
  /** SHA-256 of the record of the iteration before; null in the first. */
  readonly previous: string | null;
  readonly manifest: ArtifactRef;
  readonly initial: {
    readonly sampledBy: ArtifactRef;
    readonly cursor: InitialBatch['cursor'];
    readonly problems: ArtifactRef;
    readonly responses: ArtifactRef;
    readonly verdicts: ArtifactRef;
    readonly scores: ArtifactRef;
  };
  /** Absent in GRPO. */
  readonly branches: BranchRefs | null;
  readonly tree: ArtifactRef;
  readonly rows: ArtifactRef;
  readonly controller: { readonly before: ControllerState; readonly after: ControllerState };
  readonly policy: { readonly before: ArtifactRef; readonly after: ArtifactRef };
  readonly metrics: IterationMetrics;
  /** The update's, where a user set it; null: the configuration's. */
  readonly learningRate: number | null;
  /** Updates that the run took since the record before, in order. */
  readonly steering: readonly SteeringEvent[];
}

export interface BranchRefs {
  readonly points: ArtifactRef;
  readonly rollouts: ArtifactRef;
  readonly verdicts: ArtifactRef;
  readonly scores: ArtifactRef;
}
