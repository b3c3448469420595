/**
 * The policy engine seen from outside: what activities ask of the processes that hold the model.
 * Nothing here names a runtime; `policy/` implements it on onnxruntime, tests implement it with a null engine.
 */

import type { AdamWSettings } from '../../algorithm/adamw.js';
import type { PolicyLossSettings } from '../../algorithm/loss.js';
import type { RolloutKey } from '../../algorithm/random.js';
import type { TrainingSequence } from '../../algorithm/training-rows.js';

export type { RolloutKey, TrainingSequence };
export type OptimizerSettings = AdamWSettings;

/** Where the uniform number for new token t of a rollout comes from. */
export type UniformSource =
  /** Counter-based: `uniform(key, t)` of `algorithm/random.ts`. */
  | { readonly kind: 'counter'; readonly key: RolloutKey }
  /** Given explicitly (golden tests); t-th new token uses values[t]. */
  | { readonly kind: 'given'; readonly values: readonly number[] };

/** How a token is drawn. Log-probs are of the distribution at the temperature, before anything is cut off. */
export interface SamplingParameters {
  /** 1 leaves the distribution as it is; 0 takes the most probable token, whose log-prob is then that at temperature 1. */
  readonly temperature: number;
  /** Draws from the so many most probable tokens, and those as probable as the last of them; 0 or left out: from all. */
  readonly topK?: number;
  /** Draws from the most probable tokens that together reach this share, in (0, 1], of what `topK` leaves; 1 or left out: all. */
  readonly topP?: number;
}

/** A rollout is a pure function of (policy, this request). */
export interface RolloutRequest extends SamplingParameters {
  /** Prompt, or prompt and kept part of a response: token ids, at least one. */
  readonly prefix: Int32Array;
  readonly uniforms: UniformSource;
  readonly maxNewTokens: number;
  /** Generation stops after one of these; it is kept as the last token. */
  readonly stopIds: readonly number[];
  /** Tokens an interrupted attempt already generated; generation goes on behind them with the same bits. */
  readonly generated?: Int32Array;
}

export interface Rollout {
  /** New tokens, stop token included; the prefix is not. */
  readonly tokens: Int32Array;
  /** Natural log-probability of each new token, see `SamplingParameters`. */
  readonly logProbs: Float32Array;
  /** True when it ended by a stop token, false when it reached maxNewTokens (or was interrupted). */
  readonly finished: boolean;
}

export interface GenerateProgress {
  /** Rollouts that ended so far. */
  readonly done: number;
  readonly total: number;
  /** New tokens so far. */
  readonly tokens: number;
  /** What was added since the progress before. */
  readonly grown?: readonly Growth[];
}

/** Tokens that a rollout got in a chunk. */
export interface Growth extends Rollout {
  /** Index of the request. */
  readonly request: number;
  /** New tokens it had before. */
  readonly from: number;
  /** True when no token follows: it ended by a stop token or reached its limit. */
  readonly ended: boolean;
}

export interface GenerateOptions {
  /**
   * Called about once a chunk. When it returns a promise, the engine runs at most one further chunk until that resolves; when it
   * rejects, so does the call.
   */
  readonly onProgress?: (progress: GenerateProgress) => void | Promise<void>;
  /** Called about once a second while all processes that serve the call live: a chunk of a large model takes a minute. */
  readonly onAlive?: () => void;
  /** Aborting stops at the next chunk; `generate` then rejects with `GenerationInterrupted`, which carries what exists. */
  readonly signal?: AbortSignal;
  /** Enters slots only when no other request waits for one (evaluation beside training). */
  readonly background?: boolean;
}

/** A sequence to be scored teacher-forced. */
export interface ScoreRequest {
  /** Prompt and response. */
  readonly tokens: Int32Array;
  readonly promptLength: number;
  readonly temperature: number;
  /**
   * Ranges [start, end) of absolute token positions; entry 0 is the prompt, entries 1..T the response steps
   * (`algorithm/steps.ts`). Leave out where FCI is not wanted.
   */
  readonly stepRanges?: readonly (readonly [number, number])[];
  /** Index into stepRanges of the step that holds the last </think>, or -1. */
  readonly thinkEndStep?: number;
  /** Least distance in steps between the attending and the attended step (algorithm.md 2); 4 when left out. */
  readonly delta?: number;
}

export interface Score {
  /** log-probability of response token t, natural, at the temperature. */
  readonly logProbs: Float32Array;
  /** Entropy in nats of the distribution response token t was drawn from. */
  readonly entropies: Float32Array;
  /** FCI of each entry of stepRanges (prompt and zeroed ones are 0); empty when not asked for. */
  readonly fci: Float32Array;
}

/** Files of one policy on the local disk, as an engine opens them. */
export interface PolicyFiles {
  /** SHA-256 of the weights; the engine keeps a loaded policy under this name. */
  readonly id: string;
  /** Contents of the Hugging Face config.json. */
  readonly config: unknown;
  /** Paths of the safetensors files (all shards). */
  readonly weights: readonly string[];
}

/** Generates and scores, in child processes of its own. */
export interface InferenceEngine {
  /** Makes a policy ready; loading a loaded one costs nothing. Older policies are let go by use, and loaded again when they are used. */
  load(policy: PolicyFiles): Promise<void>;
  /** Results in the order of the requests. Requests of concurrent calls share the slots. */
  generate(policyId: string, requests: readonly RolloutRequest[], options?: GenerateOptions): Promise<Rollout[]>;
  score(policyId: string, requests: readonly ScoreRequest[], options?: GenerateOptions): Promise<Score[]>;
  close(): Promise<void>;
}

/** Spec section 7. */
export interface LossSettings extends PolicyLossSettings {
  readonly temperature: number;
}

export interface UpdateMetrics {
  readonly loss: number;
  readonly policyLoss: number;
  /** Token mean of the clamped k3; null without a reference. */
  readonly kl: number | null;
  readonly clipFraction: number;
  readonly clipFractionLower: number;
  /** Mean of -(logp - logpOld). */
  readonly approxKl: number;
  /** Mean entropy in nats over the trained tokens. */
  readonly entropy: number;
  /** Global 2-norm before clipping. */
  readonly gradNorm: number;
  /** Sum of weights: response tokens counted once per leaf path. */
  readonly tokens: number;
}

export interface LearnerState {
  readonly policy: PolicyFiles;
  /** Path of the optimiser state (safetensors), absent for a fresh optimiser. */
  readonly optimizer?: string;
  /** The frozen reference, needed when klWeight > 0. */
  readonly reference?: PolicyFiles;
}

/** Micro-batches of the pass under way; log-probs of the frozen reference take a pass of their own. */
export interface StepProgress {
  readonly done: number;
  readonly total: number;
}

export interface StepOptions {
  /** Called before each micro-batch. */
  readonly onProgress?: (progress: StepProgress) => unknown;
  /** Aborting ends the step before its next micro-batch: it rejects, and the policy is as before. */
  readonly signal?: AbortSignal;
}

/** Owns weights and optimiser state between `load` and `save`. */
export interface Learner {
  load(state: LearnerState): Promise<void>;
  /**
   * One optimiser step on one mini-batch, in micro-batches of at most `tokenBudget` tokens (a longer row is one by itself).
   * Rejects with `NonFiniteUpdate` and leaves the policy as it was when loss or gradient norm is not finite.
   */
  update(
    miniBatch: readonly TrainingSequence[],
    loss: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<UpdateMetrics>;
  /** One optimiser step of cross-entropy on the tokens with weight > 0. */
  supervise(
    miniBatch: readonly Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }>;
  /** Writes weights (Hugging Face names and layout, fp32 safetensors) and optimiser state to the two paths. */
  save(weightsPath: string, optimizerPath: string): Promise<void>;
  close(): Promise<void>;
}

/** A learner that stays there between updates. */
export interface StandingLearner extends Learner {
  /** Nothing is asked of it for a while: lets go the memory of a large policy, which the engine needs. `load` starts anew. */
  rest(): Promise<void>;
}
