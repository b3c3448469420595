/** Tells Temporal what an error says about another attempt. */
import { ApplicationFailure, TemporalFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { retryPolicyOf } from '../contracts/errors/retry-policy.js';

export const retryInterceptor: ActivityInterceptorsFactory = () => ({
  inbound: {
    async execute(input, next) {
      try {
        return await next(input);
      } catch (error) {
        throw asFailure(error);
      }
    },
  },
});

/** An error that no other attempt can mend becomes a failure that is not retried, of its name and message. */
function asFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof TemporalFailure) return error;
  if (retryPolicyOf(error) !== 'never') return error;
  const { name: type, message, stack } = error;
  const cause = error.cause instanceof Error ? error.cause : undefined;
  return Object.assign(ApplicationFailure.create({ type, message, nonRetryable: true, ...(cause && { cause }) }), {
    stack,
  });
}
