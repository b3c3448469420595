/** What another attempt on the same input can do about an error. Each class says it itself, and it travels with the error. */

/**
 * - `never`: another attempt would end the same way, so the run ends at once
 * - `transient`: it may pass; five times in a row without progress end the run (`durability/failures.ts`)
 * - `outage`: it passes, however long that takes: attempts are bounded by Temporal's options alone
 */
export type RetryPolicy = 'never' | 'transient' | 'outage';

/** An error that can end an attempt of an activity. A workflow sees its `name` as the failure's type. */
export abstract class AttemptError extends Error {
  abstract readonly retry: RetryPolicy;
}

/** JavaScript's own, which are mistakes in the program. */
const MISTAKES: readonly string[] = ['RangeError', 'ReferenceError', 'SyntaxError', 'TypeError'];

/** Of an error as it was thrown, or as it came from another process, where its class is lost. */
export function retryPolicyOf(error: Error): RetryPolicy {
  const { retry } = error as Partial<AttemptError>;
  return retry ?? (MISTAKES.includes(error.name) ? 'never' : 'transient');
}
