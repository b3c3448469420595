/** From sampled responses and branches to trees, advantages, training rows, and the size of the next draw. */
import { groupAdvantages, processAdvantages } from '../algorithm/advantages.js';
import { nextBatchSize } from '../algorithm/batch-size.js';
import { stepMetrics } from '../algorithm/step-counts.js';
import { packTree, type SampledProblem } from '../algorithm/training-rows.js';
import { buildTree, type Tree } from '../algorithm/tree.js';
import { type DropReason, filterForUpdate } from '../algorithm/update-filter.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { InitialStatistics, IterationMetrics } from '../contracts/protocol/run.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import { batchSizeSettings, type BatchProblem } from './batch.js';
import { pointsOf } from './branch-plan.js';
import { type JoinedRollout, responseKey } from './join.js';
import type { BranchPlan, Trees } from '../contracts/artifacts/documents.js';
import type { StoredRow } from '../contracts/artifacts/stored-row.js';

/** A problem's tree, and its tokens for the training row. */
export interface GrownProblem {
  readonly problem: BatchProblem;
  readonly tree: Tree;
  readonly sampled: SampledProblem;
  /** One per node. */
  readonly advantages: readonly number[];
}

export function growProblem(problem: BatchProblem, branches: Branches, config: RunConfig): GrownProblem {
  const { tree, sampled } = plant(problem, branches, config);
  const advantages = config.algorithm === 'grpo' ? groupAdvantages(leafRewards(tree)) : processAdvantages(tree);
  return { problem, tree, sampled, advantages };
}

export interface FilteredProblems {
  /** As the trees are stored. */
  readonly trees: Trees['problems'];
  /** Those that reach the update. */
  readonly kept: readonly GrownProblem[];
  /** V. */
  readonly leafPaths: number;
}

/** What of them reaches the update. */
export function filterGrown(
  problems: readonly GrownProblem[],
  branches: Branches,
  { adaptiveSampling }: RunConfig,
): FilteredProblems {
  const graded = problems.map(({ problem, tree }) => ({
    rewards: trainingLeaves(tree).map(({ reward }) => reward),
    lowInfluence: branches.dropped.has(problem.place),
  }));
  const { dropped, leafPaths } = filterForUpdate(graded, adaptiveSampling.enabled);
  const trees = problems.map(({ problem, tree, advantages }, i) => {
    const responses = problem.responses.map(({ rollout }) => rollout.response);
    return { problem: problem.place, responses, tree, advantages, dropped: dropped[i] };
  });
  return { trees, kept: problems.filter((_, i) => dropped[i] === null), leafPaths };
}

/** The training row of a problem that reaches the update. */
export function trainingRow({ problem, tree, sampled, advantages }: GrownProblem): StoredRow {
  const paths = trainingLeaves(tree).length;
  return { problem: problem.place, paths, sequence: packTree(sampled, tree, advantages) };
}

function trainingLeaves({ leaves }: Tree): Tree['leaves'] {
  return leaves.filter(({ inTraining }) => inTraining);
}

export interface Branches {
  /** By `responseKey`, in the order of the branches. */
  readonly of: ReadonlyMap<string, readonly JoinedRollout[]>;
  readonly count: number;
  readonly points: number;
  /** Problems with too little influence. */
  readonly dropped: ReadonlySet<number>;
}

export const NO_BRANCHES: Branches = { of: new Map(), count: 0, points: 0, dropped: new Set() };

export function branchesOf(plan: BranchPlan, rollouts: readonly JoinedRollout[]): Branches {
  const of = new Map<string, JoinedRollout[]>();
  for (const one of rollouts) {
    const key = responseKey(one.rollout);
    const siblings = of.get(key) ?? [];
    of.set(key, siblings);
    siblings.push(one);
  }
  return {
    of,
    count: rollouts.length,
    points: pointsOf(plan).length,
    dropped: new Set(plan.problems.filter(({ dropped }) => dropped).map(({ problem }) => problem)),
  };
}

function plant(problem: BatchProblem, branches: Branches, config: RunConfig): { tree: Tree; sampled: SampledProblem } {
  const grown = problem.responses.map((response) => ({
    ...response,
    branches: branches.of.get(responseKey(response.rollout)) ?? [],
  }));
  const tree = buildTree(
    grown.map((response) => ({
      length: response.rollout.tokens.length,
      reward: Number(response.correct),
      rollouts: response.branches.map(({ rollout, verdict }) => ({
        at: rollout.at,
        length: rollout.tokens.length,
        reward: verdict.reward,
      })),
    })),
    {
      maxResponseLength: config.sampling.maxResponseTokens,
      trainUnbranched: config.algorithm === 'grpo' || config.adaptiveSampling.includeUnbranched,
    },
  );
  const scores = config.update.oldLogProbs !== 'update';
  const sampled = {
    prompt: problem.prompt,
    responses: grown.map((response) => ({
      tokens: response.rollout.tokens,
      ...(scores && { logProbs: response.score.logProbs }),
      rollouts: response.branches.map(({ rollout, score }) => ({ tokens: rollout.tokens, logProbs: score.logProbs })),
    })),
  };
  return { tree, sampled };
}

/** B of the draw after. */
export function nextDraw(batchSize: number, leafPaths: number, { config, dataSetSize }: RunManifest): number {
  if (!config.adaptiveSampling.enabled) return batchSize;
  return nextBatchSize(batchSize, leafPaths, batchSizeSettings(config, dataSetSize));
}

export function measure(
  statistics: InitialStatistics,
  trees: Trees['problems'],
  rows: readonly StoredRow[],
  branches: Branches,
  leafPaths: number,
): Omit<IterationMetrics, 'update' | 'nextBatchSize'> {
  const rewards = trees.flatMap(({ tree }) => leafRewards(tree));
  const droppedFor = (reason: DropReason): number => trees.filter(({ dropped }) => dropped === reason).length;
  return {
    problems: statistics.problems,
    skippedPrompts: statistics.skippedPrompts,
    responses: statistics.responses,
    accuracy: statistics.correct / statistics.responses,
    reward: rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length,
    meanFci: statistics.meanFci,
    ...(statistics.steps ? { steps: stepMetrics(statistics.steps, statistics.responses) } : {}),
    branchPoints: branches.points,
    branches: branches.count,
    dropped: {
      lowInfluence: droppedFor('lowInfluence'),
      allCorrect: droppedFor('allCorrect'),
      allWrong: droppedFor('allWrong'),
      noRows: droppedFor('noRows'),
    },
    leaves: leafPaths,
    validTokens: rows.reduce((sum, { sequence: { weights, advantages } }) => {
      return sum + weights.reduce((valid, weight, t) => valid + (advantages[t] === 0 ? 0 : weight), 0);
    }, 0),
  };
}

function leafRewards(tree: Tree): number[] {
  return tree.leaves.map(({ reward }) => reward);
}
