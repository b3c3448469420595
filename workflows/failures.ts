import { ActivityFailure, ApplicationFailure, ChildWorkflowFailure, isCancellation } from '@temporalio/workflow';

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
