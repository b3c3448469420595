import { z } from 'zod';

/**
 * The form a run is started with: one JSON object, every field optional (Temporal's UI takes exactly one argument).
 * Unknown keys are errors. Defaults fit the shipped model on the embedded task; the paper's constants are in comments
 * where they differ.
 */

const unit = z.number().min(0).max(1);
const count = (max: number) => z.int().min(1).max(max);
const temperature = z.number().min(0.01).max(10);

const task = z.strictObject({
  /** Name of a task in `tasks/`. */
  name: z.string().min(1).default('straight-line'),
  /** Checked by the task itself before the run starts. */
  options: z.record(z.string(), z.json()).default({}),
});

const sampling = z.strictObject({
  /** B0: problems in the first draws (paper: 64). */
  problemsPerIteration: count(65_536).default(24),
  /** n: initial responses per problem. */
  responsesPerProblem: count(1024).default(6),
  temperature: temperature.default(1),
  /** Longer prompts are skipped and counted (paper: 1024). */
  maxPromptTokens: count(1_000_000).default(128),
  /** Longer responses are cut (paper: 8192). */
  maxResponseTokens: count(1_000_000).default(128),
});

const branching = z.strictObject({
  /** N: branch points per response. */
  pointsPerResponse: count(64).default(2),
  /** M: rollouts per branch point. */
  rolloutsPerPoint: count(64).default(2),
  /** Tokens between branch points, and before the first (paper: 512, for responses of thousands of tokens). */
  minTokenDistance: z.int().min(0).max(1_000_000).default(12),
  /** Steps with FCI at or above this quantile are candidates. */
  quantile: unit.default(0.8),
  /** A step's influence counts from this many steps ahead. */
  delta: z.int().min(1).max(1024).default(4),
});

const adaptiveSampling = z.strictObject({
  /** Default: on for attnrl, off for the baselines. */
  enabled: z.boolean().optional(),
  /** Weight of the newest estimate of how many problems the next draw needs. */
  lambda: unit.default(0.1),
  maxProblemsPerIteration: count(65_536).default(96),
  /** Train on responses that were not branched, too. */
  includeUnbranched: z.boolean().default(false),
  /** Variant: draw this many responses per problem and keep the best `responsesPerProblem` by attention. */
  responsesDrawn: count(1024).optional(),
});

const update = z.strictObject({
  /** AdamW, constant (paper: 1e-6, for 1.5B parameters). */
  learningRate: z.number().gt(0).max(1).default(1e-4),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  eps: z.number().gt(0).max(1).default(1e-8),
  /** On all parameters. */
  weightDecay: unit.default(0.01),
  maxGradNorm: z.number().gt(0).default(1),
  clipLow: z.number().gt(0).lt(1).default(0.2),
  clipHigh: z.number().gt(0).max(10).default(0.28),
  dualClip: z.number().gt(1).max(100).default(3),
  /** Weight of the divergence from the frozen reference; 0 leaves the reference out. */
  klWeight: z.number().min(0).max(10).default(0.001),
  /** Leaf paths per optimiser step. */
  miniBatchPaths: count(1_000_000).default(192),
  /** Padded tokens per micro-batch: bounds memory, changes nothing else. */
  tokenBudget: count(100_000_000).default(8192),
});

const evaluation = z.strictObject({
  /** Iterations between evaluations; 0: only before and after the run. */
  every: z.int().min(0).max(1_000_000).default(20),
  /** Names of the task's held-out sets; default: all. */
  sets: z.array(z.string().min(1)).min(1).optional(),
  problemsPerSet: count(100_000).default(64),
  samplesPerProblem: count(1024).default(4),
  temperature: temperature.default(0.6),
  maxPromptTokens: count(1_000_000).default(256),
  maxResponseTokens: count(1_000_000).default(256),
});

const engine = z.strictObject({
  /** Rollouts generated at the same time. */
  slots: count(4096).default(128),
  /** Tokens per run of the decode graph; part of the result's bits. */
  chunk: z.literal([8, 16, 32, 64, 128, 256]).default(16),
  /** Threads of one engine process; 0: as many as the machine has cores. Changes no bit of the result. */
  threads: z.int().min(0).max(256).default(0),
});

export const runForm = z.strictObject({
  $schema: z.string().optional(),
  /** Directory of a Hugging Face checkpoint (Qwen2 family). */
  model: z.string().min(1).default('models/straight-line'),
  task: task.prefault({}),
  algorithm: z.enum(['attnrl', 'treerl', 'grpo']).default('attnrl'),
  /** Default: one-step-off-policy for attnrl, on-policy for the baselines. */
  pipeline: z.enum(['one-step-off-policy', 'on-policy']).optional(),
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  iterations: count(1_000_000).default(60),
  sampling: sampling.prefault({}),
  branching: branching.prefault({}),
  adaptiveSampling: adaptiveSampling.prefault({}),
  update: update.prefault({}),
  evaluation: evaluation.prefault({}),
  engine: engine.prefault({}),
});

/** What a user may write. */
export type RunForm = z.input<typeof runForm>;
/** The same with fixed defaults filled; what depends on other fields is still open. */
export type FilledForm = z.output<typeof runForm>;
