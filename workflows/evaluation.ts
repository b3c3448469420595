import { setCurrentDetails } from '@temporalio/workflow';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { EvaluationSummary, RunPlan } from '../contracts/run.js';
import { activity } from './activities.js';
import { evaluationDetails } from './summaries.js';

export interface EvaluationInput {
  /** Workflow id of the run. */
  readonly run: string;
  readonly manifest: ArtifactRef;
  readonly policy: ArtifactRef;
  readonly policyVersion: number;
  readonly sets: readonly string[];
  readonly plan: RunPlan;
}

/** Accuracy of one policy on the held-out sets; all sets at once, so that they share the engine's slots. */
export async function evaluation(input: EvaluationInput): Promise<EvaluationSummary> {
  const { run, manifest, policy, policyVersion, plan } = input;
  const sets = await Promise.all(
    input.sets.map((set) => activity('evaluate', `policy ${policyVersion} · ${set}`, { manifest, policy, set }, plan)),
  );
  const summary = await activity(
    'recordEvaluation',
    `policy ${policyVersion} · ${sets.length} sets`,
    {
      manifest,
      run,
      policy,
      policyVersion,
      sets,
    },
    plan,
  );
  setCurrentDetails(evaluationDetails(input.sets, [summary]));
  return summary;
}
