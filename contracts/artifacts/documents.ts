/** Contents of the JSON artifacts of an iteration. Problems are addressed by their place in the draw. */
import type { BranchReason } from '../../algorithm/branching.js';
import type { Tree } from '../../algorithm/tree.js';
import type { DropReason } from '../../algorithm/update-filter.js';
import type { Verdict } from './verdict.js';

/** `problems`. */
export interface ProblemBatch {
  readonly problems: readonly StoredProblem[];
}

export interface StoredProblem {
  /** Index in the data set. */
  readonly index: number;
  /** For people; of held-out sets. */
  readonly id?: string;
  /** Prompt token ids. */
  readonly prompt: readonly number[];
  readonly groundTruth: string | readonly string[];
}

/** `verdicts`, in the order of the rollouts. */
export interface Verdicts {
  readonly verdicts: readonly Verdict[];
}

/** `branch-points`. */
export interface BranchPlan {
  /** Mean of phi over the always solved problems up to and with this batch, which `dropped` compares with; null: none yet. */
  readonly meanInfluence: number | null;
  readonly problems: readonly PlannedProblem[];
}

export interface PlannedProblem {
  readonly problem: number;
  /** Mean influence. */
  readonly phi: number;
  /** Neither branched nor trained on: always solved, with no more influence than the average such problem. */
  readonly dropped: boolean;
  readonly responses: readonly {
    readonly response: number;
    /**
     * Why it is branched. `certain`: ADS branches it, its verdict is the rarer one or the only one; `drawn`: ADS drew it from
     * those with the commoner verdict; `all`: without ADS every response is.
     */
    readonly why: SelectionReason;
    /** Tokens kept before each branch point, ascending; each gets `rolloutsPerPoint` rollouts. */
    readonly points: readonly number[];
    /** One per point. */
    readonly reasons: readonly PointReason[];
    /** Least FCI of a candidate; null where points are not chosen by FCI. */
    readonly threshold: number | null;
  }[];
}

export type SelectionReason = 'certain' | 'drawn' | 'all';

/** By attention: the step that begins at the point, with its FCI. By entropy: that of the token at the point, in nats. */
export type PointReason =
  (BranchReason & { readonly influence: number }) | { readonly why: 'entropy'; readonly entropy: number };

/** `tree`. */
export interface Trees {
  readonly problems: readonly {
    readonly problem: number;
    /** Index of each of the tree's responses among those that were sampled. */
    readonly responses: readonly number[];
    readonly tree: Tree;
    /** One per node. */
    readonly advantages: readonly number[];
    /** Why nothing of it reaches the update; null: it does. */
    readonly dropped: DropReason | null;
  }[];
}
