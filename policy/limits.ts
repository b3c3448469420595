/**
 * From which size on something is handled in another way, and how much is done or kept at a time. They decide time, memory and
 * last bits, never what is computed: with all of them near nothing a small model goes the ways of a large one, as tests make it.
 * They are part of an engine's and a learner's settings, and so reach its processes as JSON.
 */
import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';

/** How a model is handled. */
export interface ModelLimits {
  /** Parameters up to which every session packs the weights into itself, and so holds them once more. */
  readonly packedParameters: number;
  /** Parameters up to which generation packs them at least once: a token of few rows takes half the time. Decides bits. */
  readonly packedOnceParameters: number;
  /** Words up to which the logits of all tokens are there at once: those of 2,048 tokens take 128 MiB. */
  readonly wholeVocabulary: number;
}

/** Of an engine or learner that may be several processes. */
export interface ProcessLimits {
  /** Bytes of weights up to which every process holds a policy. */
  readonly bytesEverywhere: number;
  /** Requests that each process is given at least: fewer cost more per row than another process gains. */
  readonly requestsEach: number;
  /** Policies that a process keeps loaded: the one in use, the next one, and one being evaluated. */
  readonly keptPolicies: number;
  /** Bytes of their weights; the rest is for activations and for other processes. */
  readonly keptPolicyBytes: number;
  /** Policies that are opened again by themselves when they are used: more than are used at the same time. */
  readonly rememberedPolicies: number;
}

export interface SessionLimits {
  /** Bytes from which on a constant is given beside the model's bytes: within them it would be there several times. Shapes must be. */
  readonly constantsBeside: number;
  /** Numbers of the smallest matrix that is worth being held in half precision, where that is asked for. */
  readonly halvedMatrix: number;
}

/** Keys and values of rows in flight. */
export interface SlotLimits {
  /** Rows that there is memory for at first, at least 2. */
  readonly firstRows: number;
  /** Bytes of all layers that are kept while there are no rows. */
  readonly keptBytes: number;
}

/** Siblings that share a prefix. */
export interface PrefixGroupLimits {
  /** Least shared positions: fewer cost more in regrouping than their reading costs. */
  readonly positions: number;
  /** Least rows: smaller runs leave the matrix products of the layers half empty. */
  readonly rows: number;
  /** Positions that siblings do not read over again, all rows together, for which a run of their own is worth it. */
  readonly positionsOfRun: number;
}

export interface GenerateLimits {
  readonly slots: SlotLimits;
  readonly prefixGroups: PrefixGroupLimits;
  /** Bytes of blocks of prefixes that are kept for siblings that come later, beyond the slots themselves. */
  readonly prefixCacheBytes: number;
  /** Rows of one run of prefill, at least 2: more would only add memory, a block of each fills a matrix product. */
  readonly prefillRows: number;
}

export interface ScoreLimits {
  /** Tokens of a batch: enough for full-speed products, small enough to heartbeat between batches. */
  readonly batchTokens: number;
  /** How much a piece of a large model takes at a time: enough to fill matrix products, little beside the model. */
  readonly pieces: {
    /** Tokens that go through the matrices of a layer. */
    readonly tokens: number;
    /** Queries of a run of attention; at least one block of them runs. */
    readonly queries: number;
  };
}

/** How much a piece of a large model's gradient takes at a time. */
export interface SegmentLimits {
  /** Tokens that go through the matrices of a layer. */
  readonly tokens: number;
  /** Logits: tokens * vocabulary. */
  readonly logits: number;
  /** Tokens of the head, however many logits they are: fewer do not fill matrix products. */
  readonly headTokens: number;
  /** Attention scores: heads * queries * keys. */
  readonly scores: number;
  /** Rows of a matrix whose gradient is summed at a time. */
  readonly gradientRows: number;
}

export interface LearnLimits {
  readonly segments: SegmentLimits;
  /** Bytes that the update of a large model may use: decides what is kept of its forward pass, and no bit. */
  readonly updateBytes: number;
  /** Numbers of a parameter whose moments are changed together: they stay in the processor's cache. */
  readonly momentsPiece: number;
  /** Bytes that one call reads or writes of the moments in a file: the system takes at most 2 GiB. */
  readonly fileCallBytes: number;
}

/** Of the learner on TensorFlow.js. */
export interface TensorFlowLimits {
  /** Logits that are there at a time: tokens * vocabulary. */
  readonly logits: number;
  /** Bytes of activations that are kept for the gradient; beyond that a layer keeps its input and is computed again. */
  readonly keptBytes: number;
}

export interface Limits {
  readonly model: ModelLimits;
  readonly processes: ProcessLimits;
  readonly sessions: SessionLimits;
  readonly generate: GenerateLimits;
  readonly score: ScoreLimits;
  readonly learn: LearnLimits;
  readonly tensorFlow: TensorFlowLimits;
}

const MIB = 2 ** 20;
/** Of the machine, or what the container may use; that is 0, or beyond the machine's, where there is no limit. */
export const MACHINE_BYTES = Math.min(totalmem(), constrainedMemory() || Infinity);

export const LIMITS: Limits = {
  model: { packedParameters: 64e6, packedOnceParameters: 1e9, wholeVocabulary: 16_384 },
  processes: {
    bytesEverywhere: 128 * MIB,
    requestsEach: 4,
    keptPolicies: 3,
    keptPolicyBytes: MACHINE_BYTES / 3,
    rememberedPolicies: 64,
  },
  sessions: { constantsBeside: 16_384, halvedMatrix: 1024 },
  generate: {
    slots: { firstRows: 16, keptBytes: 64 * MIB },
    prefixGroups: { positions: 64, rows: 16, positionsOfRun: 4096 },
    prefixCacheBytes: 256 * MIB,
    prefillRows: 16,
  },
  score: { batchTokens: 4096, pieces: { tokens: 768, queries: 1024 } },
  learn: {
    // 256 MiB of logits, 64 MiB of scores: little beside the model, and enough to fill matrix products. They decide bits.
    segments: { tokens: 1024, logits: 2 ** 26, headTokens: 128, scores: 2 ** 24, gradientRows: 2048 },
    updateBytes: 0.46 * MACHINE_BYTES, // the rest is for the engine and the system's file cache
    momentsPiece: 2 ** 17,
    fileCallBytes: 2 ** 30,
  },
  tensorFlow: { logits: 2 ** 25, keptBytes: 512 * MIB },
};
