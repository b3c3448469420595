/** What an iteration did with each of its problems, for people. */
import { readArtifact } from '../store/formats/artifacts.js';
import { readBatch } from '../services/batches.js';
import type { BatchProblem, BatchResponse } from '../iteration/batch.js';
import type {
  BranchPlan,
  PlannedProblem,
  PointReason,
  SelectionReason,
  Trees,
  Verdicts,
} from '../contracts/artifacts/documents.js';
import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import { tokenizerOf } from '../services/policies.js';
import { responseRanges } from '../iteration/step-ranges.js';
import type { TreeNode } from '../algorithm/tree.js';
import type { TextTokenizer } from '../contracts/engine/tokenizer.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import type { LedgerEntry } from './audit/ledger.js';

/** One line of an iteration. */
export interface ProblemSummary {
  /** Place in the draw. */
  readonly problem: number;
  /** Index in the data set. */
  readonly index: number;
  readonly correct: number;
  readonly responses: number;
  /** Mean influence; null in GRPO. */
  readonly phi: number | null;
  readonly branches: number;
  /** Mean reward of the leaves. */
  readonly value: number;
  /** Why nothing of it reaches the update; null: it does. */
  readonly dropped: string | null;
  /** Training paths. */
  readonly paths: number;
}

export interface ProblemView extends ProblemSummary {
  readonly prompt: string;
  readonly groundTruth: string | readonly string[];
  readonly trees: readonly ResponseView[];
}

/** A response as a chain of segments, cut at its branch points. */
export interface ResponseView {
  readonly response: number;
  readonly reward: number;
  readonly reason: string;
  /** Why it was branched; null: it was not. */
  readonly branched: SelectionReason | null;
  readonly finished: boolean;
  readonly tokens: number;
  readonly segments: readonly SegmentView[];
}

interface NodeView {
  readonly value: number;
  readonly advantage: number;
  readonly leaves: number;
  /** First token, relative to the response's first, and number of tokens. */
  readonly start: number;
  readonly length: number;
}

export interface SegmentView extends NodeView {
  readonly steps: readonly StepView[];
  /** The branch point at its end; null at the end of the response. */
  readonly branchPoint: {
    readonly at: number;
    readonly reasons: readonly PointReason[];
    readonly branches: readonly BranchView[];
  } | null;
}

export interface StepView {
  readonly step: number;
  readonly fci: number | null;
  readonly text: string;
}

export interface BranchView extends NodeView {
  readonly branch: number;
  readonly reward: number;
  readonly reason: string;
  readonly finished: boolean;
  readonly text: string;
}

export class Inspection {
  private constructor(
    private readonly tokenizer: TextTokenizer,
    private readonly batch: readonly BatchProblem[],
    private readonly verdicts: readonly Verdicts['verdicts'][number][],
    private readonly trees: Trees,
    private readonly plan: BranchPlan | null,
    private readonly branches: readonly {
      readonly rollout: StoredRollout;
      readonly verdict: Verdicts['verdicts'][number];
    }[],
    private readonly initial: readonly StoredRollout[],
  ) {}

  static async open(store: ArtifactStore, { record, manifest }: LedgerEntry): Promise<Inspection> {
    const { initial, branches, tree } = record;
    const rollouts = branches ? await readArtifact(store, branches.rollouts) : [];
    const verdicts = branches ? (await readArtifact(store, branches.verdicts)).verdicts : [];
    return new Inspection(
      await tokenizerOf(store, manifest.policy),
      await readBatch(store, initial, manifest.config),
      (await readArtifact(store, initial.verdicts)).verdicts,
      await readArtifact(store, tree),
      branches ? await readArtifact(store, branches.points) : null,
      rollouts.map((rollout, i) => ({ rollout, verdict: verdicts[i] })),
      await readArtifact(store, initial.responses),
    );
  }

  problems(): ProblemSummary[] {
    return this.batch.map((problem) => this.#summary(problem));
  }

  /** Undefined where the draw has no such place. */
  problem(place: number): ProblemView | undefined {
    const problem = this.batch[place];
    if (!problem) return undefined;
    const { groundTruth, prompt } = problem;
    const trees = problem.responses.map((response, i) => this.#response(problem, response, i));
    return { ...this.#summary(problem), prompt: this.tokenizer.decode(prompt), groundTruth, trees };
  }

  #summary({ place, index, responses }: BatchProblem): ProblemSummary {
    const { tree, dropped } = this.trees.problems[place];
    return {
      problem: place,
      index,
      correct: responses.filter(({ correct }) => correct).length,
      responses: responses.length,
      phi: this.#planned(place)?.phi ?? null,
      branches: tree.leaves.filter(({ rollout }) => rollout !== null).length,
      value: tree.rootValue,
      dropped,
      paths: dropped === null ? tree.leaves.filter(({ inTraining }) => inTraining).length : 0,
    };
  }

  #planned(place: number): PlannedProblem | undefined {
    return this.plan?.problems.find(({ problem }) => problem === place);
  }

  #response({ place }: BatchProblem, { rollout, score }: BatchResponse, index: number): ResponseView {
    const { tree, advantages } = this.trees.problems[place];
    const planned = this.#planned(place)?.responses.find(({ response }) => response === rollout.response);
    const nodes = tree.nodes
      .map((node, i) => ({ ...node, advantage: advantages[i] }))
      .filter((n) => n.response === index);
    const chain = nodes.filter((node) => node.rollout === null);
    const verdict =
      this.verdicts[this.initial.findIndex((one) => one.problem === place && one.response === rollout.response)];
    return {
      response: rollout.response,
      reward: verdict.reward,
      reason: verdict.reason,
      branched: planned?.why ?? null,
      finished: rollout.finished,
      tokens: rollout.tokens.length,
      segments: chain.map((node, i) => {
        const end = node.start + node.length;
        const last = i === chain.length - 1;
        const reasons = planned?.reasons.filter((_, point) => planned.points[point] === end) ?? [];
        const branches = this.#branches(place, rollout.response, end, nodes);
        return {
          ...viewOf(node),
          steps: this.#steps(rollout.tokens, score, node.start, end),
          branchPoint: last ? null : { at: end, reasons, branches },
        };
      }),
    };
  }

  #branches(
    place: number,
    response: number,
    at: number,
    nodes: readonly (TreeNode & { advantage: number })[],
  ): BranchView[] {
    const own = this.branches.filter(({ rollout }) => rollout.problem === place && rollout.response === response);
    return own.flatMap(({ rollout, verdict }, i) => {
      const node = nodes.find((one) => one.rollout === i);
      if (rollout.at !== at || !node) return [];
      const { reward, reason } = verdict;
      const text = this.tokenizer.decode(rollout.tokens);
      return [{ ...viewOf(node), branch: rollout.branch, reward, reason, finished: rollout.finished, text }];
    });
  }

  /** The steps, or parts of steps, between two tokens. */
  #steps(tokens: Int32Array, { stepEnds, influence }: BatchResponse['score'], from: number, to: number): StepView[] {
    return responseRanges(stepEnds, 0)
      .map(([begin, end], step) => ({ step, begin, end }))
      .filter(({ begin, end }) => end > from && begin < to)
      .map(({ step, begin, end }) => ({
        step,
        fci: influence.at(step) ?? null,
        text: this.tokenizer.decode(tokens.subarray(Math.max(begin, from), Math.min(end, to))),
      }));
  }
}

function viewOf({ value, advantage, leaves, start, length }: TreeNode & { advantage: number }): NodeView {
  return { value, advantage, leaves, start, length };
}
