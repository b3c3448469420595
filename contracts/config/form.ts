import { z } from 'zod';
import { STEP_SEPARATORS } from '../../algorithm/steps.js';
import { MAX_ITERATIONS, MAX_LEARNING_RATE } from '../protocol/steering.js';

/**
 * The form a run is started with: one JSON object, every field optional (Temporal's UI takes exactly one argument).
 * Unknown keys are errors. Defaults "by the model" are those of `model-defaults.ts`; descriptions name the paper's constants
 * where others differ. Editors read configs/schema.json, which is made of this.
 */

const unit = z.number().min(0).max(1);
const count = (max: number) => z.int().min(1).max(max);
/** 0 takes the most probable token: for evaluation only, nothing is learnt from tokens that had no alternative. */
const temperature = z.number().min(0).max(10);
/** See `SamplingParameters`. */
const truncation = {
  topP: z
    .number()
    .gt(0)
    .max(1)
    .default(1)
    .describe('Samples from the most probable tokens whose probabilities add up to this; 1: from all (paper: 1)'),
  topK: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe('Samples from this many of the most probable tokens; 0: from all (paper: 0)'),
};

const task = z.strictObject({
  name: z.string().min(1).default('straight-line').describe('Name of a task in tasks/'),
  options: z.record(z.string(), z.json()).default({}).describe('Checked by the task itself before the run starts'),
});

const sampling = z.strictObject({
  problemsPerIteration: count(65_536)
    .optional()
    .describe('B0: problems in the first draws (paper: 64). Default: by the model'),
  responsesPerProblem: count(1024).default(6).describe('n: initial responses per problem'),
  temperature: z.number().min(0.01).max(10).default(1),
  ...truncation,
  maxPromptTokens: count(1_000_000)
    .optional()
    .describe('Longer prompts are skipped and counted (paper: 1024). Default: by the model'),
  maxResponseTokens: count(1_000_000)
    .optional()
    .describe('Longer responses are cut (paper: 8192). Default: by the model'),
});

const delta = z.int().min(1).max(1024);

const branching = z.strictObject({
  pointsPerResponse: count(64).default(2).describe('N: branch points per response'),
  rolloutsPerPoint: count(64).default(2).describe('M: rollouts per branch point'),
  minTokenDistance: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe(
      'Tokens between branch points, and before the first (with the prompt; paper: 512, for responses of thousands of ' +
        'tokens). Default: by the model',
    ),
  quantile: unit.default(0.8).describe('Steps with FCI at or above this quantile are candidates'),
  delta: delta.optional().describe('Older name of steps.delta'),
});

const steps = z.strictObject({
  separator: z
    .enum(STEP_SEPARATORS)
    .default('blank-line')
    .describe(
      'What ends a step: only a blank line, also a line break, or also the end of a sentence (docs/steps.md: when to choose which)',
    ),
  delta: delta.optional().describe("A step's influence counts from this many steps ahead; left out: 4 (paper: 4)"),
});

const adaptiveSampling = z.strictObject({
  enabled: z.boolean().optional().describe('Default: on for attnrl, off for the baselines'),
  lambda: unit.default(0.1).describe('Weight of the newest estimate of how many problems the next draw needs'),
  maxProblemsPerIteration: count(65_536).optional().describe('Default: by the model'),
  includeUnbranched: z.boolean().default(false).describe('Also trains on responses that were not branched'),
  responsesDrawn: count(1024)
    .optional()
    .describe('Variant: draws this many responses per problem and keeps the best responsesPerProblem by attention'),
});

const update = z.strictObject({
  learningRate: z
    .number()
    .gt(0)
    .max(MAX_LEARNING_RATE)
    .optional()
    .describe('Constant, of AdamW (paper: 1e-6, for 1.5B parameters). Default: by the model'),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  eps: z.number().gt(0).max(1).default(1e-8),
  weightDecay: unit.default(0.01).describe('On all parameters'),
  maxGradNorm: z.number().gt(0).default(1),
  clipLow: z.number().gt(0).lt(1).default(0.2),
  clipHigh: z.number().gt(0).max(10).default(0.28),
  dualClip: z.number().gt(1).max(100).default(3),
  klWeight: z
    .number()
    .min(0)
    .max(10)
    .default(0.001)
    .describe('Weight of the divergence from the frozen reference; 0 leaves the reference out'),
  oldLogProbs: z
    .enum(['scored', 'update'])
    .optional()
    .describe(
      'Where the old log-probs of the ratio come from. scored: a pass over the responses before the update. update: the update ' +
        'itself, which finds the same ones if it is a single step on on-policy responses; this saves grpo the pass, and with it ' +
        'FCI and entropy of the responses. Left out: scored',
    ),
  miniBatchPaths: count(1_000_000)
    .optional()
    .describe(
      'Leaf paths per optimiser step (paper: 192 of its 1920). Default: by the model, about ten steps per iteration',
    ),
  tokenBudget: count(100_000_000)
    .optional()
    .describe('Tokens per micro-batch: bounds memory, changes nothing else. Default: by the model'),
});

const evaluation = z.strictObject({
  every: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(10)
    .describe('Iterations between evaluations; 0: only before and after the run'),
  sets: z.array(z.string().min(1)).min(1).optional().describe("Names of the task's held-out sets; default: all"),
  problemsPerSet: count(100_000).default(64).describe("A set's first problems"),
  samplesPerProblem: count(1024).default(4).describe('k of avg@k and pass@k'),
  samplesBySet: z
    .record(z.string().min(1), count(1024))
    .optional()
    .describe('k of single sets, by name (paper: 32 for AIME and AMC, 4 for the others)'),
  temperature: temperature.default(0.6),
  maxPromptTokens: count(1_000_000).optional().describe('Default: by the model'),
  maxResponseTokens: count(1_000_000).optional().describe('Default: by the model'),
  ...truncation,
});

const engine = z.strictObject({
  slots: count(4096).optional().describe('Rollouts generated at the same time. Default: by the model'),
  chunk: z
    .literal([8, 16, 32, 64, 128, 256])
    .default(16)
    .describe("Tokens per run of the decode graph; changes the result's bits"),
  threads: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Threads of one engine process; 0: as many as the machine has cores. Changes no bit of the result'),
  provider: z
    .enum(['cpu', 'cuda', 'webgpu'])
    .optional()
    .describe("onnxruntime's execution provider; left out: cpu. Changes the result's bits"),
  weights: z
    .enum(['fp32', 'fp16'])
    .optional()
    .describe("Precision of the matrices in generation and scoring; left out: fp32. Changes the result's bits"),
});

const distribution = z.strictObject({
  rolloutsPerShard: count(65_536)
    .default(512)
    .describe(
      'Initial responses that one worker generates, verifies and scores at a time; their branches are ' +
        'divided into as many shards. Changes no bit of the result',
    ),
  heartbeatSeconds: z
    .int()
    .min(5)
    .max(3600)
    .default(30)
    .describe('A worker that sends no heartbeat for this long counts as lost, and another one takes over'),
});

const verifier = z.strictObject({
  name: z
    .string()
    .min(1)
    .optional()
    .describe(
      'math, math-in-process (for tasks with short answers), or the path of a module that exports `verify` ' +
        '(docs/verifiers.md). Default: math-in-process for straight-line, math for other tasks',
    ),
  answer: z
    .enum(['boxed', 'anywhere'])
    .optional()
    .describe(
      'For math and math-in-process. boxed: no \\boxed, no reward. anywhere: without one, the last expression of the response is ' +
        "its answer, as in the authors' code, so a response cut off in its reasoning can be right. Left out: boxed",
    ),
  secondsPerVerdict: z
    .number()
    .min(0.1)
    .max(3600)
    .default(5)
    .describe('After this long the verdict is 0, with reason `timeout`'),
  processes: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .describe('Verifier processes per worker; 0: as many as the machine has cores. Changes no bit of the result'),
});

const retention = z.strictObject({
  keepLast: z
    .int()
    .min(2) // the next batch is sampled by the policy before the newest
    .max(1_000_000)
    .default(2)
    .describe('How many of the newest policies `attnrl gc` keeps, weights and optimiser state'),
  keepEvery: z
    .int()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe(
      '`attnrl gc` also keeps every policy whose version is a multiple of this; 0: no others. Default: by the model',
    ),
});

const hash = z.string().regex(/^[0-9a-f]{64}$/);

const from = z.strictObject({
  record: z
    .strictObject({ sha256: hash, bytes: z.int().min(1), kind: z.literal('iteration-record') })
    .describe('The iteration record to continue from, in the same store; `attnrl fork` fills it in'),
});

export const runForm = z.strictObject({
  $schema: z.string().optional(),
  model: z
    .string()
    .min(1)
    .default('models/straight-line')
    .describe('Directory of a Hugging Face checkpoint (Qwen2, Qwen3 or Llama family, dense)'),
  task: task.prefault({}),
  algorithm: z.enum(['attnrl', 'treerl', 'grpo']).default('attnrl'),
  pipeline: z
    .enum(['one-step-off-policy', 'on-policy'])
    .optional()
    .describe('Default: one-step-off-policy for attnrl, on-policy for the baselines'),
  seed: z.int().min(0).max(0xffff_ffff).default(0),
  iterations: count(MAX_ITERATIONS).default(30),
  iterationsPerExecution: count(10_000)
    .default(100)
    .describe('After this many the workflow continues as new, with a short history. Changes no bit of the result'),
  sampling: sampling.prefault({}),
  steps: steps.prefault({}),
  branching: branching.prefault({}),
  adaptiveSampling: adaptiveSampling.prefault({}),
  update: update.prefault({}),
  learner: z
    .enum(['onnx', 'tfjs'])
    .default('onnx')
    .describe('Runtime of the update: onnxruntime, or TensorFlow.js (npm run setup:tfjs). Their bits differ'),
  evaluation: evaluation.prefault({}),
  verifier: verifier.prefault({}),
  engine: engine.prefault({}),
  distribution: distribution.prefault({}),
  retention: retention.prefault({}),
  from: from
    .optional()
    .describe('Continues from an iteration of another run: its policy, sampling state and data cursor'),
});

/** What a user may write. */
export type RunForm = z.input<typeof runForm>;
/** The same with fixed defaults filled; what depends on other fields, or on the model, is still open. */
export type FilledForm = z.output<typeof runForm>;
