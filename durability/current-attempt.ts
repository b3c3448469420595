/** The attempt in which the caller runs: Temporal's, unless its work was started outside of Temporal. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempt } from './attempt.js';
import { temporalAttempt } from './temporal-adapter.js';

const outside = new AsyncLocalStorage<Attempt>();

export function currentAttempt(): Attempt {
  return outside.getStore() ?? temporalAttempt();
}

/** Runs an activity's work where no server asked for it: nothing cancels it, and nobody hears its heartbeats. */
export function outsideTemporal<T>(work: () => Promise<T>): Promise<T> {
  const attempt: Attempt = {
    heartbeat: () => undefined,
    signal: new AbortController().signal,
    cancelled: new Promise<never>(() => undefined),
    sleep: (ms) => sleep(ms),
    stillAsked: () => Promise.resolve(),
    isBounded: false,
  };
  return outside.run(attempt, work);
}
