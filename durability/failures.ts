/** Tells bad luck (a worker is lost, a disk is full) from work that fails each time it is tried. */
import { ApplicationFailure } from '@temporalio/common';
import { FAILS_EACH_TIME } from '../contracts/errors/run-errors.js';
import { retryPolicyOf } from '../contracts/errors/retry-policy.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { currentAttempt } from './current-attempt.js';
import { withHeartbeats, cancellation } from './heartbeat.js';
import { Journal } from './journal.js';

/** A process that is killed by accident five times, each time before it got one token further, was not killed by accident. */
const FAILURES_IN_A_ROW = 5;

/** Soon at first, then once a minute. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Writes what took long to make. While the store is full or away, the worker holds it and tries again, as long as the attempt may
 * last: the next attempt would have to make it anew.
 */
export async function retryWhileStoreIsAway<T>(write: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof Error && retryPolicyOf(error) === 'outage')) throw error;
      const attempt = currentAttempt();
      if (!attempt.isBounded) throw error;
      const waitsFor = `${error.name}: ${error.message}`;
      await withHeartbeats('wait for the store', attempt.sleep(pause), () => ({ done: 0, total: 1, waitsFor }));
    }
  }
}

interface Failure {
  /** Records of the work's journal at that time. */
  readonly progress: number;
  readonly message: string;
}

/**
 * Runs the work. When it has failed five times in a row without progress, the failure is made one that is not retried. Only
 * errors that the work itself threw count: a lost worker throws nothing.
 */
export async function boundFailures<T>(
  store: ArtifactStore,
  key: string,
  journal: Journal,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (cancellation().aborted || !(error instanceof Error) || error instanceof ApplicationFailure) throw error;
    if (retryPolicyOf(error) !== 'transient') throw error;
    const failures = new Journal(store, `failures of ${key}`);
    const progress = (await journal.records()).length;
    const failure: Failure = { progress, message: error.message };
    await failures.append(Buffer.from(JSON.stringify(failure)));
    const all = (await failures.records()).map((record) => JSON.parse(record.toString()) as Failure);
    const inARow = all.length - 1 - all.findLastIndex((earlier) => earlier.progress !== progress);
    if (inARow < FAILURES_IN_A_ROW) throw error;
    await failures.forget(); // a reset run may try again
    throw ApplicationFailure.create({
      type: FAILS_EACH_TIME,
      nonRetryable: true,
      cause: error,
      message: `failed ${inARow} times in a row without getting any further, the last time by ${error.name}: ${error.message}`,
    });
  }
}
