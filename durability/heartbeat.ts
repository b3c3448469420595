import { ApplicationFailure, ApplicationFailureCategory, CancelledFailure } from '@temporalio/common';
import { HANDED_BACK } from '../contracts/errors/run-errors.js';
import { currentAttempt } from './current-attempt.js';
import type { Progress } from './progress.js';

export function heartbeat(progress: Progress): void {
  currentAttempt().heartbeat(progress);
}

/** Aborts when the activity is cancelled, or its worker shuts down. */
export function cancellation(): AbortSignal {
  return currentAttempt().signal;
}

/** Beats while work goes on that says by itself little or nothing of its progress (loading a model, an optimiser step). */
export async function withHeartbeats<T>(
  doing: string,
  work: Promise<T>,
  progress: () => Omit<Progress, 'doing'> = () => ({ done: 0, total: 1 }),
): Promise<T> {
  const tell = (): void => heartbeat({ doing, ...progress() });
  tell();
  const beats = setInterval(tell, 1_000); // the SDK sends one every 2 s
  try {
    return await work;
  } finally {
    clearInterval(beats);
  }
}

/** Lets heartbeats, cancellation and other activities of the process in between two pieces of computing. */
export async function yieldToEvents(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (cancellation().aborted) await currentAttempt().cancelled;
}

/**
 * An engine ends its chunk in tens of milliseconds, a learner its micro-batch, a large model in seconds; a machine that goes
 * away waits for no more.
 */
const STOPPING_MS = 4_000;

/**
 * Work that was cut off because the activity was cancelled ends as a cancellation, not as an error of the engine. It has some
 * seconds to end by itself.
 * @param abandon called when it has not
 */
export async function cancellable<T>(work: Promise<T>, abandon?: () => void): Promise<T> {
  const signal = cancellation();
  let timer: NodeJS.Timeout | undefined;
  let stop = (): void => undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => {
      timer = setTimeout(() => {
        reject(signal.reason as Error);
        abandon?.();
      }, STOPPING_MS);
    };
  });
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, stopped]);
  } catch (error) {
    throw signal.reason ?? error; // the reason is Temporal's CancelledFailure
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}

/**
 * The failure of an attempt whose worker is told to stop: not an error. Temporal starts the next attempt at once, on a worker
 * that is there.
 */
export function handedBack(error: unknown): unknown {
  const reason: unknown = cancellation().reason;
  if (!(reason instanceof CancelledFailure && reason.message === 'WORKER_SHUTDOWN')) return error;
  return ApplicationFailure.create({
    type: HANDED_BACK,
    message: 'the worker is stopping; what it had done is saved',
    category: ApplicationFailureCategory.BENIGN,
    nextRetryDelay: '1ms', // not the backoff of a failure
  });
}
