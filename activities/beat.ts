import { Context } from '@temporalio/activity';

/** Progress of the running activity, as its heartbeat shows it. */
export interface Progress {
  /** What is being done. */
  readonly doing: string;
  readonly done: number;
  readonly total: number;
  /** New tokens, where tokens are made. */
  readonly tokens?: number;
}

export function beat(progress: Progress): void {
  Context.current().heartbeat(progress);
}

/** Aborts when the activity is cancelled, or its worker shuts down. */
export function cancellation(): AbortSignal {
  return Context.current().cancellationSignal;
}

/** Beats while work without progress of its own goes on (loading a model, an optimiser step, hashing a large file). */
export async function beating<T>(doing: string, work: Promise<T>, { done, total } = { done: 0, total: 1 }): Promise<T> {
  beat({ doing, done, total });
  const beats = setInterval(() => beat({ doing, done, total }), 5_000); // several per heartbeat timeout of 1 min
  try {
    return await work;
  } finally {
    clearInterval(beats);
  }
}

/** Lets heartbeats, cancellation and other activities of the process in between two pieces of computing. */
export async function breathe(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (cancellation().aborted) await Context.current().cancelled;
}

/** Work that was cut off because the activity was cancelled ends as a cancellation, not as an error of the engine. */
export async function cancellable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw cancellation().reason ?? error; // the reason is Temporal's CancelledFailure
  }
}
