import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';

/** The command cannot be carried out as it was given. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

/** Exit codes: 0 done, 1 failed, 2 the input was refused, 130 interrupted (as shells have it). */
export function exitCode(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  return ['UsageError', 'InvalidConfig', 'UnknownRun', 'UnknownIteration'].includes(failureOf(error).type) ? 2 : 1;
}

/** What to tell of an error: of a failed run, its own failure. */
export function failureOf(error: unknown): { type: string; message: string } {
  const cause = error instanceof WorkflowFailedError ? error.cause : error;
  if (cause instanceof ApplicationFailure) return { type: cause.type ?? cause.name, message: cause.message };
  if (cause instanceof CancelledFailure) return { type: 'Cancelled', message: 'the run was cancelled' };
  return cause instanceof Error
    ? { type: cause.name, message: cause.message }
    : { type: 'Error', message: String(cause) };
}
