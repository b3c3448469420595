/**
 * The activities, by the class of machine that runs them. Arguments and results are references and numbers only;
 * `seconds` is the wall time of the work itself (what the store already had took none).
 */
import type { DataCursor } from '../../algorithm/data-order.js';
import type { StepCounts } from '../../algorithm/step-counts.js';
import type { ArtifactRef } from '../artifacts/artifact-ref.js';
import type { BranchRefs, IterationRecord } from '../artifacts/iteration-record.js';
import type { Shard } from './shards.js';
import type {
  ControllerState,
  EvaluationSummary,
  InitialBatch,
  IterationMetrics,
  IterationSummary,
  RecordedEvaluation,
  RunPlan,
  UpdateSummary,
} from './run.js';

/** Every activity reads the run's configuration from its manifest. */
export interface InRun {
  readonly manifest: ArtifactRef<'manifest'>;
}

export interface Timed {
  readonly seconds: number;
}

export interface Prepared {
  readonly manifest: ArtifactRef<'manifest'>;
  readonly configHash: string;
  /** Name of the model, for display. */
  readonly model: string;
  readonly plan: RunPlan;
  readonly policy: ArtifactRef<'policy'>;
  readonly controller: ControllerState;
  /** Of a run that goes on behind an iteration of another one. */
  readonly start?: RunStart;
}

/** Workflow ids: a run with one of its children, or with all of them. */
export interface WaitingPart {
  readonly run: string;
  readonly child?: string;
}

/** Where a fork begins. */
export interface RunStart {
  readonly iteration: number;
  readonly cursor: DataCursor;
  /** The record it follows. */
  readonly record: ArtifactRef<'iteration-record'>;
  /** What its first batch is sampled by, where the parent had sampled it ahead; null: its first policy. */
  readonly ahead: { readonly policy: ArtifactRef<'policy'>; readonly batchSize: number } | null;
}

export interface Drawn extends Timed {
  readonly problems: ArtifactRef<'problems'>;
  readonly count: number;
  readonly skippedPrompts: number;
  /** Cursor after the draw. */
  readonly cursor: DataCursor;
}

export interface Generated extends Timed {
  readonly rollouts: ArtifactRef<'tokens'>;
  readonly count: number;
  readonly tokens: number;
  readonly finished: number;
}

export interface Verified extends Timed {
  readonly verdicts: ArtifactRef<'verdicts'>;
  readonly count: number;
  readonly correct: number;
}

export interface Scored extends Timed {
  readonly scores: ArtifactRef<'scores'>;
  /** 0 where FCI was not asked for; null where nothing was scored. */
  readonly meanFci: number | null;
  readonly meanEntropy: number | null;
  /** Of initial responses; absent where they were not scored, and in results of older versions. */
  readonly steps?: StepCounts;
}

/** What a shard of a phase made. */
export interface ShardRefs {
  readonly rollouts: ArtifactRef<'tokens'>;
  readonly verdicts: ArtifactRef<'verdicts'>;
  readonly scores: ArtifactRef<'scores'>;
}

/** What all shards of a phase made together. */
export type Joined = Generated & Verified & Scored;

export interface Branching extends Timed {
  readonly points: ArtifactRef<'branch-points'>;
  readonly branchPoints: number;
  /** Means updated, batch size as before. */
  readonly controller: ControllerState;
}

export interface Grown extends Timed {
  readonly tree: ArtifactRef<'tree'>;
  readonly rows: ArtifactRef<'rows'>;
  readonly controller: ControllerState;
  readonly metrics: Omit<IterationMetrics, 'update'>;
}

export interface Updated extends Timed {
  readonly policy: ArtifactRef<'policy'>;
  readonly update: UpdateSummary;
}

/** A held-out set as one policy after another meets it. */
export interface DrawnSet extends Timed {
  readonly set: string;
  /** Those whose prompts fit, in order. */
  readonly problems: ArtifactRef<'problems'>;
  readonly count: number;
  /** Samples of each. */
  readonly samplesPerProblem: number;
  /** Prompts over the limit. */
  readonly skippedPrompts: number;
}

/** A set, and what the shards of its samples made, in their order. */
export interface SampledSet extends Omit<DrawnSet, keyof Timed> {
  readonly shards: readonly Pick<ShardRefs, 'rollouts' | 'verdicts'>[];
}

export interface Committed {
  readonly record: ArtifactRef<'iteration-record'>;
  readonly provenance: ArtifactRef<'iteration-provenance'>;
  readonly summary: IterationSummary;
}

/** A batch's responses, and the branches where there are any. */
export interface BatchRefs {
  readonly problems: ArtifactRef<'problems'>;
  readonly responses: ArtifactRef<'tokens'>;
}

/** Of a record, what is known before it is written. */
type Decided =
  'previous' | 'branches' | 'tree' | 'rows' | 'controller' | 'policy' | 'metrics' | 'learningRate' | 'steering';

export interface ControlActivities {
  /** Validates everything and freezes the manifest; what only training needs is not checked where nothing is trained. @throws InvalidConfig */
  prepare(input: { readonly form: unknown; readonly evaluationOnly?: boolean }): Promise<Prepared>;
  /** Who sent an update of this execution, as the server's history has it. */
  identifySender(input: {
    readonly run: string;
    readonly runId: string;
    readonly updateId: string;
  }): Promise<{ readonly identity: string }>;
  drawProblems(
    input: InRun & { readonly iteration: number; readonly cursor: DataCursor; readonly count: number },
  ): Promise<Drawn>;
  /** Joins the shards of a phase, in their order. */
  joinShards(input: InRun & { readonly shards: readonly ShardRefs[] }): Promise<Joined>;
  chooseBranchPoints(
    input: InRun & { readonly batch: InitialBatch; readonly controller: ControllerState },
  ): Promise<Branching>;
  growTree(
    input: InRun & {
      readonly batch: InitialBatch;
      readonly branches: BranchRefs | null;
      readonly controller: ControllerState;
    },
  ): Promise<Grown>;
  /** What is committed, with what its provenance tells. */
  commitIteration(
    input: InRun &
      Pick<IterationRecord, Decided> & {
        /** Workflow id of the run: names its folder. */
        readonly run: string;
        readonly previousProvenance: ArtifactRef<'iteration-provenance'> | null;
        readonly batch: InitialBatch;
        readonly seconds: Readonly<Record<string, number>>;
        readonly tokensPerSecond: number;
      },
  ): Promise<Committed>;
  /** Why the run does not get on; no reasons where it does. */
  explainWait(input: WaitingPart): Promise<{ readonly reasons: readonly string[] }>;
  /** The problems of a held-out set, for all evaluations of the run. */
  drawHeldOut(input: InRun & { readonly set: string }): Promise<DrawnSet>;
  /** What the samples of all sets say; mirrors it in the run's folder. */
  recordEvaluation(
    input: InRun & {
      readonly run: string;
      readonly policy: ArtifactRef<'policy'>;
      readonly policyVersion: number;
      readonly sets: readonly SampledSet[];
    },
  ): Promise<RecordedEvaluation>;
  /** Writes the trained model and the evaluations into the run's folder. */
  finishRun(
    input: InRun & {
      readonly run: string;
      readonly policy: ArtifactRef<'policy'>;
      readonly evaluations: readonly EvaluationSummary[];
    },
  ): Promise<{ readonly modelFolder: string; readonly runFolder: string }>;
}

export interface RolloutActivities {
  generate(
    input: InRun & {
      readonly iteration: number;
      readonly policy: ArtifactRef<'policy'>;
      readonly problems: ArtifactRef<'problems'>;
      readonly shard: Shard;
    },
  ): Promise<Generated>;
  generateBranches(
    input: InRun &
      BatchRefs & {
        readonly iteration: number;
        readonly policy: ArtifactRef<'policy'>;
        readonly points: ArtifactRef<'branch-points'>;
        readonly shard: Shard;
      },
  ): Promise<Generated>;
  scoreInitial(input: InRun & BatchRefs & { readonly policy: ArtifactRef<'policy'> }): Promise<Scored>;
  scoreBranches(
    input: InRun & BatchRefs & { readonly policy: ArtifactRef<'policy'>; readonly branches: ArtifactRef<'tokens'> },
  ): Promise<Scored>;
  /** Samples the problems of a held-out set, or of a shard of it: behind the training. */
  generateSamples(
    input: InRun & {
      readonly policy: ArtifactRef<'policy'>;
      readonly set: string;
      readonly problems: ArtifactRef<'problems'>;
      readonly samplesPerProblem: number;
      readonly shard: Shard;
    },
  ): Promise<Generated>;
}

export interface LearnerActivities {
  update(
    input: InRun & {
      readonly iteration: number;
      readonly policy: ArtifactRef<'policy'>;
      readonly rows: ArtifactRef<'rows'>;
      /** In place of the configuration's; absent where that one holds. */
      readonly learningRate?: number;
    },
  ): Promise<Updated>;
}

export interface VerifierActivities {
  /** Judges the initial responses, or the branches where given. */
  verify(input: InRun & BatchRefs & { readonly branches: ArtifactRef<'tokens'> | null }): Promise<Verified>;
}

export type Activities = ControlActivities & RolloutActivities & LearnerActivities & VerifierActivities;
