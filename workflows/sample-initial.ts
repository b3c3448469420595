import { setCurrentDetails } from '@temporalio/workflow';
import type { DataCursor } from '../algorithm/data-order.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { InitialBatch, RunPlan } from '../contracts/protocol/run.js';
import { activity } from './activities.js';
import { inShards } from './shards.js';
import { percent } from './summaries.js';

export interface SampleInitialInput {
  readonly manifest: ArtifactRef<'manifest'>;
  readonly plan: RunPlan;
  readonly iteration: number;
  readonly policy: ArtifactRef<'policy'>;
  readonly cursor: DataCursor;
  readonly batchSize: number;
}

/** Draws the problems of an iteration and samples their initial responses: verified, with FCI, log-probs and entropies. */
export async function sampleInitial(input: SampleInitialInput): Promise<InitialBatch> {
  const { manifest, plan, iteration, policy, cursor, batchSize } = input;
  const label = `iteration ${iteration}`;

  const drawn = await activity(
    'drawProblems',
    `${label} · ${batchSize} problems`,
    { manifest, iteration, cursor, count: batchSize },
    plan,
  );
  const { problems } = drawn;
  const sampled = await inShards(
    { manifest, plan, label, responses: drawn.count * plan.responsesDrawn, units: drawn.count },
    {
      generate: (shard, name) => activity('generate', name, { manifest, iteration, policy, problems, shard }, plan),
      verify: ({ rollouts: responses }, name) =>
        activity('verify', name, { manifest, problems, responses, branches: null }, plan),
      score: ({ rollouts: responses }, name) =>
        activity('scoreInitial', name, { manifest, policy, problems, responses }, plan),
    },
  );

  const { rollouts: responses, verdicts, scores, seconds } = sampled;
  const judged = `${sampled.count} responses · ${percent(sampled.correct, sampled.count)} correct`;
  const { meanFci } = sampled;
  setCurrentDetails([label, judged, ...(meanFci === null ? [] : [`mean FCI ${meanFci.toFixed(4)}`])].join(' · '));
  return {
    iteration,
    sampledBy: policy,
    cursor: { before: cursor, after: drawn.cursor },
    problems,
    responses,
    verdicts,
    scores,
    statistics: {
      problems: drawn.count,
      skippedPrompts: drawn.skippedPrompts,
      responses: sampled.count,
      correct: sampled.correct,
      tokens: sampled.tokens,
      meanFci,
      meanEntropy: sampled.meanEntropy,
      ...(sampled.steps ? { steps: sampled.steps } : {}),
    },
    seconds: { draw: drawn.seconds, ...seconds },
  };
}
