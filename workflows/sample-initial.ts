import { setCurrentDetails } from '@temporalio/workflow';
import type { DataCursor } from '../algorithm/data-order.js';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { InitialBatch, RunPlan } from '../contracts/run.js';
import { activity } from './activities.js';
import { percent } from './summaries.js';

export interface SampleInitialInput {
  readonly manifest: ArtifactRef;
  readonly plan: RunPlan;
  readonly iteration: number;
  readonly policy: ArtifactRef;
  readonly cursor: DataCursor;
  readonly batchSize: number;
}

/** Draws the problems of an iteration and samples their initial responses: verified, with FCI, log-probs and entropies. */
export async function sampleInitial(input: SampleInitialInput): Promise<InitialBatch> {
  const { manifest, plan, iteration, policy, cursor, batchSize } = input;
  const label = `iteration ${iteration}`;

  const drawn = await activity('drawProblems', `${label} · ${batchSize} problems`, {
    manifest,
    iteration,
    cursor,
    count: batchSize,
  });
  const { problems } = drawn;
  const generated = await activity('generate', `${label} · ${drawn.count * plan.responsesDrawn} responses`, {
    manifest,
    iteration,
    policy,
    problems,
  });
  const responses = generated.rollouts;
  const verified = await activity('verify', `${label} · ${generated.count} responses, ${generated.tokens} tokens`, {
    manifest,
    problems,
    responses,
    branches: null,
  });
  const judged = `${generated.count} responses · ${percent(verified.correct, verified.count)} correct`;
  const scored = await activity('scoreInitial', `${label} · ${judged}`, {
    manifest,
    policy,
    problems,
    responses,
    verdicts: verified.verdicts,
  });

  setCurrentDetails(`${label} · ${judged} · mean FCI ${scored.meanFci.toFixed(4)}`);
  return {
    iteration,
    sampledBy: policy,
    cursor: { before: cursor, after: drawn.cursor },
    problems,
    responses,
    verdicts: verified.verdicts,
    scores: scored.scores,
    statistics: {
      problems: drawn.count,
      skippedPrompts: drawn.skippedPrompts,
      responses: generated.count,
      correct: verified.correct,
      tokens: generated.tokens,
      meanFci: scored.meanFci,
      meanEntropy: scored.meanEntropy,
    },
    seconds: {
      draw: drawn.seconds,
      generate: generated.seconds,
      verify: verified.seconds,
      score: scored.seconds,
    },
  };
}
