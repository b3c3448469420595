import { setCurrentDetails } from '@temporalio/workflow';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { BranchRefs } from '../contracts/iteration-record.js';
import type { ControllerState, InitialBatch, IterationSummary, RunPlan } from '../contracts/run.js';
import { activity } from './activities.js';
import { percent } from './summaries.js';

export interface GrowAndLearnInput {
  /** Workflow id of the run. */
  readonly run: string;
  readonly manifest: ArtifactRef;
  readonly plan: RunPlan;
  readonly batch: InitialBatch;
  readonly policy: ArtifactRef;
  readonly controller: ControllerState;
  readonly previous: ArtifactRef | null;
  readonly previousJournal: ArtifactRef | null;
}

export interface GrowAndLearnResult {
  readonly policy: ArtifactRef;
  readonly controller: ControllerState;
  readonly record: ArtifactRef;
  readonly journal: ArtifactRef;
  readonly summary: IterationSummary;
}

interface Branched {
  readonly refs: BranchRefs;
  readonly controller: ControllerState;
  readonly tokens: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** Turns policy m into policy m+1: branches, trees, advantages, update, and the commit of the iteration. */
export async function growAndLearn(input: GrowAndLearnInput): Promise<GrowAndLearnResult> {
  const { run, manifest, plan, batch, policy, previous, previousJournal } = input;
  const { iteration } = batch;
  const label = `iteration ${iteration}`;
  const startedAt = Date.now();

  const branched = plan.algorithm === 'grpo' ? null : await growBranches(input);
  const branches = branched?.refs ?? null;
  const grown = await activity('growTree', `${label} · advantages and filter`, {
    manifest,
    batch,
    branches,
    controller: branched?.controller ?? input.controller,
  });
  // Nothing left to learn from: policy m+1 is policy m.
  const updated =
    grown.metrics.leaves === 0
      ? null
      : await activity('update', `${label} · ${grown.metrics.leaves} paths, ${grown.metrics.validTokens} tokens`, {
          manifest,
          iteration,
          policy,
          rows: grown.rows,
        });
  const after = updated?.policy ?? policy;

  const seconds = {
    ...batch.seconds,
    ...branched?.seconds,
    grow: grown.seconds,
    update: updated?.seconds ?? 0,
    total: (Date.now() - startedAt) / 1000,
  };
  const generating = (batch.seconds.generate ?? 0) + (branched?.seconds.generateBranches ?? 0);
  const committed = await activity('commitIteration', `${label} · V = ${grown.metrics.leaves}`, {
    manifest,
    run,
    previous,
    previousJournal,
    batch,
    branches,
    tree: grown.tree,
    rows: grown.rows,
    controller: { before: input.controller, after: grown.controller },
    policy: { before: policy, after },
    metrics: { ...grown.metrics, update: updated?.update ?? null },
    seconds,
    tokensPerSecond: generating > 0 ? (batch.statistics.tokens + (branched?.tokens ?? 0)) / generating : 0,
  });

  setCurrentDetails(`${label} · ${grown.metrics.leaves} paths · ${percent(grown.metrics.accuracy, 1)} correct`);
  return { policy: after, controller: grown.controller, ...committed };
}

/** Samples anew at the branch points, with policy m. */
async function growBranches(input: GrowAndLearnInput): Promise<Branched> {
  const { manifest, batch, policy, controller } = input;
  const { iteration, problems, responses } = batch;
  const label = `iteration ${iteration}`;

  const chosen = await activity('chooseBranchPoints', `${label} · ${batch.statistics.responses} responses`, {
    manifest,
    batch,
    controller,
  });
  const generated = await activity(
    'generateBranches',
    `${label} · ${chosen.rollouts} branches at ${chosen.branchPoints} points`,
    { manifest, iteration, policy, problems, responses, points: chosen.points },
  );
  const verified = await activity('verify', `${label} · ${generated.count} branches, ${generated.tokens} tokens`, {
    manifest,
    problems,
    responses,
    branches: generated.rollouts,
  });
  const scored = await activity(
    'scoreBranches',
    `${label} · ${generated.count} branches · ${percent(verified.correct, verified.count)} correct`,
    { manifest, policy, problems, responses, branches: generated.rollouts },
  );
  return {
    refs: {
      points: chosen.points,
      rollouts: generated.rollouts,
      verdicts: verified.verdicts,
      scores: scored.scores,
    },
    controller: chosen.controller,
    tokens: generated.tokens,
    seconds: {
      choose: chosen.seconds,
      generateBranches: generated.seconds,
      verifyBranches: verified.seconds,
      scoreBranches: scored.seconds,
    },
  };
}
