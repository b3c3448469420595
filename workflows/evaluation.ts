import { setCurrentDetails } from '@temporalio/workflow';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { EvaluationSummary } from '../contracts/run.js';
import { activity } from './activities.js';
import { evaluationDetails } from './summaries.js';

export interface EvaluationInput {
  /** Workflow id of the run. */
  readonly run: string;
  readonly manifest: ArtifactRef;
  readonly policy: ArtifactRef;
  readonly policyVersion: number;
  readonly sets: readonly string[];
}

/** Accuracy of one policy on the held-out sets; all sets at once, so that they share the engine's slots. */
export async function evaluation(input: EvaluationInput): Promise<EvaluationSummary> {
  const { run, manifest, policy, policyVersion } = input;
  const sets = await Promise.all(
    input.sets.map((set) => activity('evaluate', `policy ${policyVersion} · ${set}`, { manifest, policy, set })),
  );
  const summary = await activity('recordEvaluation', `policy ${policyVersion} · ${sets.length} sets`, {
    manifest,
    run,
    policy,
    policyVersion,
    sets,
  });
  setCurrentDetails(evaluationDetails(input.sets, [summary]));
  return summary;
}
