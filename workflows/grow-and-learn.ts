import { setCurrentDetails } from '@temporalio/workflow';
import type { Activities } from '../contracts/protocol/activities.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { BranchRefs } from '../contracts/artifacts/iteration-record.js';
import type { ControllerState, InitialBatch, RunPlan } from '../contracts/protocol/run.js';
import { activity } from './activities.js';
import { inShards } from './shards.js';
import { percent } from './summaries.js';

export interface GrowAndLearnInput {
  /** Workflow id of the run. */
  readonly run: string;
  readonly manifest: ArtifactRef<'manifest'>;
  readonly plan: RunPlan;
  readonly batch: InitialBatch;
  readonly policy: ArtifactRef<'policy'>;
  readonly controller: ControllerState;
  readonly previous: ArtifactRef<'iteration-record'> | null;
  readonly previousProvenance: ArtifactRef<'iteration-provenance'> | null;
  /** Set by an update; null: the configuration's. */
  readonly learningRate: number | null;
}

export interface GrowAndLearnResult {
  readonly policy: ArtifactRef<'policy'>;
  readonly controller: ControllerState;
  /** What the run commits, with the updates it has taken meanwhile. */
  readonly commit: Omit<Parameters<Activities['commitIteration']>[0], 'steering'>;
}

interface Branched {
  readonly refs: BranchRefs;
  readonly controller: ControllerState;
  readonly tokens: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Turns policy m into policy m+1: branches, trees, advantages, update. The run commits it. */
export async function growAndLearn(input: GrowAndLearnInput): Promise<GrowAndLearnResult> {
  const { run, manifest, plan, batch, policy, previous, previousProvenance, learningRate } = input;
  const { iteration } = batch;
  const label = `iteration ${iteration}`;
  const startedAt = Date.now();

  const branched = plan.algorithm === 'grpo' ? null : await growBranches(input);
  const branches = branched?.refs ?? null;
  const grown = await activity(
    'growTree',
    `${label} · advantages and filter`,
    {
      manifest,
      batch,
      branches,
      controller: branched?.controller ?? input.controller,
    },
    plan,
  );
  // Nothing left to learn from: policy m+1 is policy m.
  const updated =
    grown.metrics.leaves === 0
      ? null
      : await activity(
          'update',
          `${label} · ${grown.metrics.leaves} paths, ${grown.metrics.validTokens} tokens`,
          {
            manifest,
            iteration,
            policy,
            rows: grown.rows,
            ...(learningRate === null ? {} : { learningRate }),
          },
          plan,
        );
  const after = updated?.policy ?? policy;

  const seconds = {
    ...batch.seconds,
    ...branched?.seconds,
    grow: grown.seconds,
    update: updated?.seconds ?? 0,
    total: (Date.now() - startedAt) / 1000,
  };
  const generating = (batch.seconds.generate ?? 0) + (branched?.seconds.generateBranches ?? 0);
  const commit: GrowAndLearnResult['commit'] = {
    manifest,
    run,
    previous,
    previousProvenance,
    batch,
    branches,
    tree: grown.tree,
    rows: grown.rows,
    controller: { before: input.controller, after: grown.controller },
    policy: { before: policy, after },
    metrics: { ...grown.metrics, update: updated?.update ?? null },
    learningRate,
    seconds,
    tokensPerSecond: generating > 0 ? (batch.statistics.tokens + (branched?.tokens ?? 0)) / generating : 0,
  };

  setCurrentDetails(`${label} · ${grown.metrics.leaves} paths · ${percent(grown.metrics.accuracy, 1)} correct`);
  return { policy: after, controller: grown.controller, commit };
}

/** Samples anew at the branch points, with policy m. */
async function growBranches(input: GrowAndLearnInput): Promise<Branched> {
  const { manifest, plan, batch, policy, controller } = input;
  const { iteration, problems, responses } = batch;
  const label = `iteration ${iteration}`;

  const chosen = await activity(
    'chooseBranchPoints',
    `${label} · ${batch.statistics.responses} responses`,
    { manifest, batch, controller },
    plan,
  );
  const { points } = chosen;
  const sampled = await inShards(
    {
      manifest,
      plan,
      label: `${label} · ${chosen.branchPoints} branch points`,
      responses: batch.statistics.responses,
      units: chosen.branchPoints,
    },
    {
      generate: (shard, name) =>
        activity('generateBranches', name, { manifest, iteration, policy, problems, responses, points, shard }, plan),
      verify: ({ rollouts: branches }, name) =>
        activity('verify', name, { manifest, problems, responses, branches }, plan),
      score: ({ rollouts: branches }, name) =>
        activity('scoreBranches', name, { manifest, policy, problems, responses, branches }, plan),
    },
  );
  const { rollouts, verdicts, scores, seconds } = sampled;
  return {
    refs: { points, rollouts, verdicts, scores },
    controller: chosen.controller,
    tokens: sampled.tokens,
    seconds: {
      choose: chosen.seconds,
      generateBranches: seconds.generate,
      verifyBranches: seconds.verify,
      scoreBranches: seconds.score,
    },
  };
}
