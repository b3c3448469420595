import type { ArtifactRef } from './artifact-ref.js';
import type { SteeringEvent } from '../protocol/steering.js';
import type { ControllerState, InitialBatch, IterationMetrics } from '../protocol/run.js';

/**
 * The commit of one iteration: every input, decision and output, chained to the record before. Per-problem facts are in the
 * artifacts it names (`docs/iteration-record.schema.json` says which is where).
 * It holds no clock and no name of a run, machine or worker, except in what users did to the run (`steering`): the same
 * configuration, left alone, gives the same chain. Those are in its provenance, which names the record by its hash.
 */
export interface IterationRecord {
  readonly schema: 2;
  /** m: policy m becomes policy m+1. */
  readonly iteration: number;
  /** Record of the iteration before; null in the first. */
  readonly previous: ArtifactRef<'iteration-record'> | null;
  readonly manifest: ArtifactRef<'manifest'>;
  readonly configHash: string;
  /** With iteration, place of the problem, response and branch it keys every random number. */
  readonly seed: number;
  readonly initial: {
    readonly sampledBy: ArtifactRef<'policy'>;
    readonly cursor: InitialBatch['cursor'];
    readonly problems: ArtifactRef<'problems'>;
    readonly responses: ArtifactRef<'tokens'>;
    readonly verdicts: ArtifactRef<'verdicts'>;
    readonly scores: ArtifactRef<'scores'>;
  };
  /** Null in GRPO. */
  readonly branches: BranchRefs | null;
  readonly tree: ArtifactRef<'tree'>;
  readonly rows: ArtifactRef<'rows'>;
  readonly controller: { readonly before: ControllerState; readonly after: ControllerState };
  readonly policy: { readonly before: ArtifactRef<'policy'>; readonly after: ArtifactRef<'policy'> };
  readonly metrics: IterationMetrics;
  /** The update's, where a user set it; null: the configuration's. */
  readonly learningRate: number | null;
  /** Updates that the run took since the record before, in order. */
  readonly steering: readonly SteeringEvent[];
}

export interface BranchRefs {
  readonly points: ArtifactRef<'branch-points'>;
  readonly rollouts: ArtifactRef<'tokens'>;
  readonly verdicts: ArtifactRef<'verdicts'>;
  readonly scores: ArtifactRef<'scores'>;
}
