import { setCurrentDetails } from '@temporalio/workflow';
import type { SampledSet } from '../contracts/protocol/activities.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { EvaluationSummary, RecordedEvaluation, RunPlan } from '../contracts/protocol/run.js';
import { shardsOf } from '../contracts/protocol/shards.js';
import { activity } from './activities.js';
import { evaluationDetails } from './summaries.js';

export interface EvaluationInput {
  /** Workflow id of the run. */
  readonly run: string;
  readonly manifest: ArtifactRef<'manifest'>;
  readonly policy: ArtifactRef<'policy'>;
  readonly policyVersion: number;
  readonly sets: readonly string[];
  readonly plan: RunPlan;
}

/** Accuracy of one policy on the held-out sets, as a child of its run. */
export async function evaluation(input: EvaluationInput): Promise<EvaluationSummary> {
  const { summary } = await evaluateSets(input);
  setCurrentDetails(evaluationDetails(input.sets, [summary]));
  return summary;
}

/** All sets and their shards at once, so that they share the engines' slots. */
export async function evaluateSets(input: EvaluationInput): Promise<RecordedEvaluation> {
  const { run, manifest, policy, policyVersion, plan } = input;
  const sets = await Promise.all(input.sets.map((set) => sampleSet(set, input)));
  const rollouts = sets.reduce((sum, { count, samplesPerProblem }) => sum + count * samplesPerProblem, 0);
  const summary = `policy ${policyVersion} · ${sets.length} sets, ${rollouts} samples`;
  return activity('recordEvaluation', summary, { manifest, run, policy, policyVersion, sets }, plan);
}

async function sampleSet(set: string, { manifest, policy, policyVersion, plan }: EvaluationInput): Promise<SampledSet> {
  const label = `policy ${policyVersion} · ${set}`;
  const { seconds: _, ...drawn } = await activity('drawHeldOut', label, { manifest, set }, plan);
  const { problems, count, samplesPerProblem } = drawn;
  const shards = shardsOf(count * samplesPerProblem, count, plan.rolloutsPerShard).map(async (shard) => {
    const name = shard.count === 1 ? label : `${label} · shard ${shard.index + 1} of ${shard.count}`;
    const sampling = { manifest, policy, set, problems, samplesPerProblem, shard };
    const { rollouts, tokens } = await activity('generateSamples', name, sampling, plan);
    const judged = { manifest, problems, responses: rollouts, branches: null };
    const background = { ...plan, background: true };
    const { verdicts } = await activity('verify', `${name} · ${tokens} tokens`, judged, background);
    return { rollouts, verdicts };
  });
  return { ...drawn, shards: await Promise.all(shards) };
}
