/** From sampled responses and branches to trees, advantages, training rows, and the size of the next draw. */
import { readArtifact } from '../store/formats/artifacts.js';
import { filterForUpdate } from '../algorithm/adaptive-sampling.js';
import { groupAdvantages, processAdvantages } from '../algorithm/advantages.js';
import { nextBatchSize } from '../algorithm/batch-size.js';
import { stepMetrics } from '../algorithm/step-counts.js';
import { packTree, type SampledProblem } from '../algorithm/training-rows.js';
import { buildTree, type Tree } from '../algorithm/tree.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { BranchRefs } from '../contracts/artifacts/iteration-record.js';
import type { InitialStatistics, IterationMetrics } from '../contracts/protocol/run.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { batchSizeSettings, type BatchProblem } from './batch.js';
import { pointsOf } from './branch-plan.js';
import type { DropReason, Trees } from '../store/formats/documents.js';
import { type StoredRollout } from '../store/formats/rollouts.js';
import type { StoredRow } from '../store/formats/rows.js';

export type GrownProblem = Trees['problems'][number];

/** One problem: its tree, why it is dropped if it is, else its training row. */
export function growProblem(
  problem: BatchProblem,
  branches: Branches,
  config: RunConfig,
): { grown: GrownProblem; row: StoredRow | null } {
  const { tree, sampled } = plant(problem, branches, config);
  const advantages = config.algorithm === 'grpo' ? groupAdvantages(leafRewards(tree)) : processAdvantages(tree);
  const dropped = dropReason(tree, branches.dropped.has(problem.place), config);
  const responses = problem.responses.map(({ rollout }) => rollout.response);
  const grown = { problem: problem.place, responses, tree, advantages, dropped };
  if (dropped !== null) return { grown, row: null };
  const paths = tree.leaves.filter(({ inTraining }) => inTraining).length;
  return { grown, row: { problem: problem.place, paths, sequence: packTree(sampled, tree, advantages) } };
}

/** V: leaf paths in the training rows. */
export function leafPaths(rows: readonly StoredRow[]): number {
  return rows.reduce((sum, { paths }) => sum + paths, 0);
}

interface Branch {
  readonly rollout: StoredRollout;
  readonly reward: number;
  readonly logProbs: Float32Array;
}

export interface Branches {
  /** By place of the problem and index of the response, in the order of the branches. */
  readonly of: ReadonlyMap<string, readonly Branch[]>;
  readonly count: number;
  readonly points: number;
  /** Problems with too little influence. */
  readonly dropped: ReadonlySet<number>;
}

export const NO_BRANCHES: Branches = { of: new Map(), count: 0, points: 0, dropped: new Set() };

export async function readBranches(store: ArtifactStore, refs: BranchRefs): Promise<Branches> {
  const plan = await readArtifact(store, refs.points);
  const rollouts = await readArtifact(store, refs.rollouts);
  const { verdicts } = await readArtifact(store, refs.verdicts);
  const scores = await readArtifact(store, refs.scores);
  const of = new Map<string, Branch[]>();
  rollouts.forEach((rollout, i) => {
    const key = `${rollout.problem}/${rollout.response}`;
    const siblings = of.get(key) ?? [];
    siblings.push({ rollout, reward: verdicts[i].reward, logProbs: scores[i].logProbs });
    of.set(key, siblings);
  });
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
    branches: branches.of.get(`${problem.place}/${response.rollout.response}`) ?? [],
  }));
  const tree = buildTree(
    grown.map((response) => ({
      length: response.rollout.tokens.length,
      reward: Number(response.correct),
      rollouts: response.branches.map(({ rollout, reward }) => ({
        at: rollout.at,
        length: rollout.tokens.length,
        reward,
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
      rollouts: response.branches.map(({ rollout, logProbs }) => ({ tokens: rollout.tokens, logProbs })),
    })),
  };
  return { tree, sampled };
}

/** Null where the problem reaches the update. The baselines train on whatever has rows. */
function dropReason(tree: Tree, lowInfluence: boolean, { adaptiveSampling }: RunConfig): DropReason | null {
  if (lowInfluence) return 'lowInfluence';
  const rewards = tree.leaves.filter(({ inTraining }) => inTraining).map(({ reward }) => reward);
  if (rewards.length === 0) return 'noRows';
  if (!adaptiveSampling.enabled || filterForUpdate([rewards]).rows > 0) return null;
  return rewards[0] === 1 ? 'allCorrect' : 'allWrong';
}

/** B of the draw after. */
export function nextDraw(batchSize: number, rows: number, { config, dataSetSize }: RunManifest): number {
  if (!config.adaptiveSampling.enabled) return batchSize;
  return nextBatchSize(batchSize, rows, batchSizeSettings(config, dataSetSize));
}

export function measure(
  statistics: InitialStatistics,
  trees: Trees['problems'],
  rows: readonly StoredRow[],
  branches: Branches,
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
    leaves: leafPaths(rows),
    validTokens: rows.reduce((sum, { sequence: { weights, advantages } }) => {
      return sum + weights.reduce((valid, weight, t) => valid + (advantages[t] === 0 ? 0 : weight), 0);
    }, 0),
  };
}

function leafRewards(tree: Tree): number[] {
  return tree.leaves.map(({ reward }) => reward);
}
