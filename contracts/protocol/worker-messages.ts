/** What a worker process tells the process that started it, where one did (Node's IPC channel). */
export type WorkerMessage =
  /** It polls its queues. */
  | { readonly kind: 'ready' }
  /** Once, when it ends. */
  | { readonly kind: 'event-loop-delay'; readonly milliseconds: EventLoopDelay };

/** Milliseconds by which timers of the process came late. A worker that blocks its loop cannot heartbeat. */
export interface EventLoopDelay {
  readonly mean: number;
  readonly p99: number;
  readonly max: number;
}
