import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import type { EvaluationFailure } from '../contracts/protocol/run.js';

/** It is carried in the run's state, which is small. */
const MESSAGE_LENGTH = 500;

/**
 * What really went wrong, without the layers of "activity failed" and "child workflow failed" around it:
 * the first thing that is read on the run's page. The layers stay in the children's histories.
 */
export function rootFailure(error: unknown): unknown {
  if (isCancellation(error)) return error;
  let cause = error;
  while ((cause instanceof ActivityFailure || cause instanceof ChildWorkflowFailure) && cause.cause)
    cause = cause.cause;
  if (!(cause instanceof ApplicationFailure)) return error;
  return ApplicationFailure.create({
    message: cause.message,
    type: cause.type ?? undefined,
    details: cause.details ?? undefined,
    nonRetryable: true,
  });
}

export function evaluationFailure(policyVersion: number, error: unknown): EvaluationFailure {
  const root = rootFailure(error);
  const type = root instanceof ApplicationFailure && root.type ? root.type : 'EvaluationFailed';
  return { policyVersion, type, message: (rootCause(error) ?? String(error)).slice(0, MESSAGE_LENGTH) };
}

/** The end of a run that was trained, but not judged. */
export function unjudged(
  { policyVersion, type, message }: EvaluationFailure,
  { modelFolder }: { readonly modelFolder: string },
): ApplicationFailure {
  return ApplicationFailure.create({
    type,
    nonRetryable: true,
    message:
      `policy ${policyVersion} could not be evaluated: ${message}. The run is trained to its end, its model is in ` +
      `${modelFolder}: \`attnrl evaluate\` tells its accuracy.`,
  });
}
