import type { ArtifactRef } from '../artifacts/artifact-ref.js';
import type { InfluenceMeans } from '../../algorithm/adaptive-sampling.js';
import type { DataCursor } from '../../algorithm/data-order.js';
import type { StepCounts, StepMetrics } from '../../algorithm/step-counts.js';
import type { Algorithm, Pipeline } from '../config/run-config.js';
import type { RunForm } from '../config/form.js';

import type { SteeringState } from './steering.js';

/** What the workflow code needs of the configuration; the rest stays in the manifest. */
export interface RunPlan {
  readonly algorithm: Algorithm;
  readonly pipeline: Pipeline;
  /** As configured, or as an update has set it. */
  readonly iterations: number;
  /** Then the workflow continues as new. */
  readonly iterationsPerExecution: number;
  /** Iterations between evaluations; 0: only before and after. */
  readonly evaluateEvery: number;
  readonly evaluationSets: readonly string[];
  /** n, or n' where more are drawn than kept. */
  readonly responsesDrawn: number;
  readonly rolloutsPerShard: number;
  /** After this many seconds without a heartbeat an attempt counts as lost. */
  readonly heartbeatSeconds: number;
}

/** State of adaptive sampling between iterations (algorithm.md 4). */
export interface ControllerState {
  /** B: problems in the next draw. */
  readonly batchSize: number;
  /** Cumulative means of phi. */
  readonly means: InfluenceMeans;
}

/** Problems with their initial responses, sampled, verified and scored: what one iteration starts from. */
export interface InitialBatch {
  readonly iteration: number;
  /** The policy that sampled and scored it. */
  readonly sampledBy: ArtifactRef<'policy'>;
  readonly cursor: { readonly before: DataCursor; readonly after: DataCursor };
  readonly problems: ArtifactRef<'problems'>;
  readonly responses: ArtifactRef<'tokens'>;
  readonly verdicts: ArtifactRef<'verdicts'>;
  readonly scores: ArtifactRef<'scores'>;
  readonly statistics: InitialStatistics;
  readonly seconds: Readonly<Record<string, number>>;
}

export interface InitialStatistics {
  readonly problems: number;
  /** Prompts over the limit that the draw passed over. */
  readonly skippedPrompts: number;
  readonly responses: number;
  readonly correct: number;
  readonly tokens: number;
  /** Mean over responses of the mean FCI of their steps; null where they were not scored. */
  readonly meanFci: number | null;
  readonly meanEntropy: number | null;
  /** Absent where they were not scored, and in batches of older versions. */
  readonly steps?: StepCounts;
}

/** Numbers of one iteration, the same on every machine that computes it. */
export interface IterationMetrics {
  readonly problems: number;
  readonly skippedPrompts: number;
  readonly responses: number;
  /** Share of correct initial responses. */
  readonly accuracy: number;
  /** Mean reward over all leaves, initial responses and branches. */
  readonly reward: number;
  /** Null where the responses were not scored. */
  readonly meanFci: number | null;
  /** Of the initial responses; absent where they were not scored, and in iterations of older versions. */
  readonly steps?: StepMetrics;
  readonly branchPoints: number;
  readonly branches: number;
  /** Problems without training rows, by reason. */
  readonly dropped: {
    readonly lowInfluence: number;
    readonly allCorrect: number;
    readonly allWrong: number;
    readonly noRows: number;
  };
  /** V: training rows left. */
  readonly leaves: number;
  /** Response tokens with a non-zero advantage, once per row they occur in. */
  readonly validTokens: number;
  readonly nextBatchSize: number;
  /** Means over the optimiser steps of the iteration; null where nothing was left to train on. */
  readonly update: UpdateSummary | null;
}

export interface UpdateSummary {
  readonly steps: number;
  readonly loss: number;
  /** Null without a reference. */
  readonly kl: number | null;
  readonly entropy: number;
  readonly clipFraction: number;
  readonly gradNorm: number;
  readonly tokens: number;
}

/** Metrics with what differs from run to run: the clock. */
export interface IterationSummary extends IterationMetrics {
  readonly iteration: number;
  /** Seconds by phase, as the activities measured them, and of the whole. */
  readonly seconds: Readonly<Record<string, number>>;
  /** New tokens of responses and branches per second of generation. */
  readonly tokensPerSecond: number;
}

/** Accuracy of policy m on the held-out sets. */
export interface EvaluationSummary {
  /** Version of the policy: updates so far. */
  readonly policyVersion: number;
  /** Accuracy by set, 0..1, in the order of the plan. */
  readonly accuracies: readonly number[];
  readonly mean: number;
  /** Names every sample with its verdict, set by set. */
  readonly evaluation: ArtifactRef<'evaluation'>;
}

/** Why a policy has no evaluation. */
export interface EvaluationFailure {
  readonly policyVersion: number;
  readonly type: string;
  readonly message: string;
}

/** What a policy reached on one held-out set. Shares are 0..1, to six digits; the artifact has all of them. */
export interface SetSummary {
  readonly set: string;
  readonly problems: number;
  /** k. */
  readonly samplesPerProblem: number;
  /** Prompts over the limit. */
  readonly skippedPrompts: number;
  /** avg@k. */
  readonly accuracy: number;
  /** 95 % of the resamplings of the set's problems lie between. */
  readonly interval: readonly [low: number, high: number];
  readonly passAtK: number;
  /** Mean tokens of a response. */
  readonly meanLength: number;
  /** Share of the samples that ran into the limit. */
  readonly truncated: number;
}

/** An evaluation with all its figures. */
export interface RecordedEvaluation {
  readonly summary: EvaluationSummary;
  readonly sets: readonly SetSummary[];
  /** Of the mean over the sets. */
  readonly interval: SetSummary['interval'];
}

/** `paused`: held between two iterations. */
export type RunPhase = 'preparing' | 'training' | 'paused' | 'finishing' | 'finished';

/** Carried by continue-as-new; stays below MAX_STATE_BYTES. */
export interface RunState {
  readonly manifest: ArtifactRef<'manifest'>;
  readonly configHash: string;
  readonly model: string;
  plan: RunPlan;
  /** m: the next iteration, and the version of the policy. */
  iteration: number;
  policy: ArtifactRef<'policy'>;
  controller: ControllerState;
  /** The next draw starts here. */
  cursor: DataCursor;
  /** Batch of iteration m, where it was sampled ahead. */
  pending: InitialBatch | null;
  /** Record of the iteration before, and its provenance. */
  ledger: ArtifactRef<'iteration-record'> | null;
  provenance: ArtifactRef<'iteration-provenance'> | null;
  /** The last iterations, newest last. */
  recent: IterationSummary[];
  /** First and last few evaluations, in order of policy version. */
  evaluations: EvaluationSummary[];
  /** Of the run's first or last policy: without it there is no result. */
  evaluationFailure?: EvaluationFailure;
  /** While it holds of the newest responses. */
  influenceWarning?: InfluenceWarning;
  steering: SteeringState;
  /** Seconds per iteration, of late; null before the first. */
  pace: number | null;
}

/** Answer of the query `progress`. */
export interface RunProgress {
  readonly phase: RunPhase;
  /** What the iteration does now: names of the children at work. */
  readonly children: readonly string[];
  readonly state: RunState | null;
}

/** Answer of the query `configuration`. */
export interface RunSettings {
  /** As the user wrote it: what is left out has its default. The manifest holds all of it. */
  readonly form: RunForm;
  readonly manifest: ArtifactRef<'manifest'> | null;
  readonly configHash: string | null;
  /** What updates may have changed. Of the learning rate: null where the configuration's holds. */
  readonly inForce: { readonly iterations: number; readonly learningRate: number | null } | null;
}

/** Answer of the query `ledgerHead`. */
export interface LedgerHead {
  /** Iterations that the ledger holds. */
  readonly iterations: number;
  /** The last record; null before the first. */
  readonly record: ArtifactRef<'iteration-record'> | null;
  readonly policy: ArtifactRef<'policy'> | null;
}

/** What a finished run returns. */
export interface RunResult {
  readonly iterations: number;
  readonly policy: ArtifactRef<'policy'>;
  readonly ledger: ArtifactRef<'iteration-record'> | null;
  readonly evaluationSets: readonly string[];
  readonly before: EvaluationSummary;
  readonly after: EvaluationSummary;
  /** Where the worker wrote the trained model (Hugging Face layout) and the run's records. */
  readonly modelFolder: string;
  readonly runFolder: string;
}

/** Name of the query that answers with RunProgress. */
export const PROGRESS_QUERY = 'progress';

/** What `evaluateModel` returns. */
export interface ModelEvaluation extends RecordedEvaluation {
  readonly model: string;
}

/** Attention has no say in where most responses of a batch are branched. */
export interface InfluenceWarning {
  readonly responses: number;
  readonly withoutInfluence: number;
}
