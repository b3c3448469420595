import { filterForUpdate } from '../algorithm/adaptive-sampling.js';
import { groupAdvantages, processAdvantages } from '../algorithm/advantages.js';
import { nextBatchSize } from '../algorithm/batch-size.js';
import { packTree, type SampledProblem } from '../algorithm/training-rows.js';
import { buildTree, type Tree } from '../algorithm/tree.js';
import type { ControlActivities } from '../contracts/activities.js';
import type { RunConfig } from '../contracts/config.js';
import type { BranchRefs } from '../contracts/iteration-record.js';
import type { IterationMetrics } from '../contracts/run.js';
import type { RunManifest } from '../contracts/run-manifest.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { batchSizeSettings, readBatch, type BatchProblem } from './batch.js';
import { beat, breathe } from './beat.js';
import { durable, timed } from './durable.js';
import type { BranchPlan, DropReason, Trees, Verdicts } from './formats/documents.js';
import { decodeRollouts, type StoredRollout } from './formats/rollouts.js';
import { encodeRows, type StoredRow } from './formats/rows.js';
import { decodeScores } from './formats/scores.js';
import { getArrays, getJson, putArrays, putJson, readManifest } from './io.js';

type GrowTree = ControlActivities['growTree'];

/** Trees, advantages, what of them reaches the update, and how many problems to draw next. */
export const growTree = durable<Parameters<GrowTree>[0], Awaited<ReturnType<GrowTree>>>(
  'growTree',
  ({ store }, { manifest: ref, batch, branches: refs, controller }) =>
    timed(async () => {
      const manifest = await readManifest(store, ref);
      const { config } = manifest;
      const problems = await readBatch(store, batch, config);
      const branches = refs ? await readBranches(store, refs) : NO_BRANCHES;
      const trees: Trees['problems'][number][] = [];
      const rows: StoredRow[] = [];
      for (const problem of problems) {
        const { tree, sampled } = plant(problem, branches, config);
        const advantages = config.algorithm === 'grpo' ? groupAdvantages(leafRewards(tree)) : processAdvantages(tree);
        const dropped = dropReason(tree, branches.dropped.has(problem.place), config);
        const responses = problem.responses.map(({ rollout }) => rollout.response);
        trees.push({ problem: problem.place, responses, tree, advantages, dropped });
        if (dropped === null) {
          const paths = tree.leaves.filter(({ inTraining }) => inTraining).length;
          rows.push({ problem: problem.place, paths, sequence: packTree(sampled, tree, advantages) });
        }
        beat({ doing: 'grow trees', done: trees.length, total: problems.length });
        await breathe();
      }

      const leaves = rows.reduce((sum, { paths }) => sum + paths, 0);
      const batchSize = nextDraw(controller.batchSize, leaves, manifest);
      const document: Trees = { problems: trees };
      return {
        tree: await putJson(store, 'tree', document),
        rows: await putArrays(store, 'rows', encodeRows(rows)),
        controller: { ...controller, batchSize },
        metrics: { ...measure(batch, trees, rows, branches), nextBatchSize: batchSize },
      };
    }),
);

interface Branch {
  readonly rollout: StoredRollout;
  readonly reward: number;
  readonly logProbs: Float32Array;
}

interface Branches {
  /** By place of the problem and index of the response, in the order of the branches. */
  readonly of: ReadonlyMap<string, readonly Branch[]>;
  readonly count: number;
  readonly points: number;
  /** Problems with too little influence. */
  readonly dropped: ReadonlySet<number>;
}

const NO_BRANCHES: Branches = { of: new Map(), count: 0, points: 0, dropped: new Set() };

async function readBranches(store: ArtifactStore, refs: BranchRefs): Promise<Branches> {
  const plan = await getJson<BranchPlan>(store, refs.points);
  const rollouts = decodeRollouts(await getArrays(store, refs.rollouts));
  const { verdicts } = await getJson<Verdicts>(store, refs.verdicts);
  const scores = decodeScores(await getArrays(store, refs.scores));
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
    points: plan.problems.flatMap(({ responses }) => responses.flatMap(({ points }) => points)).length,
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
  const sampled = {
    prompt: problem.prompt,
    responses: grown.map((response) => ({
      tokens: response.rollout.tokens,
      logProbs: response.score.logProbs,
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

function nextDraw(batchSize: number, rows: number, { config, dataSetSize }: RunManifest): number {
  if (!config.adaptiveSampling.enabled) return batchSize;
  return nextBatchSize(batchSize, rows, batchSizeSettings(config, dataSetSize));
}

function measure(
  { statistics }: Parameters<GrowTree>[0]['batch'],
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
    branchPoints: branches.points,
    branches: branches.count,
    dropped: {
      lowInfluence: droppedFor('lowInfluence'),
      allCorrect: droppedFor('allCorrect'),
      allWrong: droppedFor('allWrong'),
      noRows: droppedFor('noRows'),
    },
    leaves: rows.reduce((sum, { paths }) => sum + paths, 0),
    validTokens: rows.reduce((sum, { sequence: { weights, advantages } }) => {
      return sum + weights.reduce((valid, weight, t) => valid + (advantages[t] === 0 ? 0 : weight), 0);
    }, 0),
  };
}

function leafRewards(tree: Tree): number[] {
  return tree.leaves.map(({ reward }) => reward);
}
