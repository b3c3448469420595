import type { NativeConnection, Worker } from '@temporalio/worker';
import type { EngineSilence } from '../services/open-services.js';

/** Longer than any run of a graph blocks an engine's thread, and the time after which its work is tried elsewhere. */
const SILENCE_LIMIT_MS = 120_000;
const SERVER_LIMIT_MS = 2_000;

export interface Health {
  /** Polls all its queues, reaches the server, and its engines answer. */
  readonly healthy: boolean;
  /** State by queue: `RUNNING` polls; empty while the process starts. */
  readonly queues: Readonly<Record<string, string>>;
  /** `answers`, or why not. */
  readonly server: string;
  /** `idle` (none is running, the next request starts one), `answers` or `silent for N s`. */
  readonly engines: Readonly<Record<string, string>>;
}

export interface HealthSources {
  readonly workers: readonly { readonly options: Pick<Worker['options'], 'taskQueue'>; getState(): string }[];
  readonly connection: Pick<NativeConnection, 'withDeadline' | 'workflowService'>;
  readonly engines: () => EngineSilence;
}

/**
 * A worker that cannot reach the server is not healthy, though it goes on by itself when the server is back: this is to
 * be read as readiness, not as a reason to kill it.
 */
export async function checkHealth({ workers, connection, engines }: HealthSources): Promise<Health> {
  const queues = Object.fromEntries(workers.map((worker) => [worker.options.taskQueue, worker.getState()]));
  const server = await connection
    .withDeadline(Date.now() + SERVER_LIMIT_MS, () => connection.workflowService.getSystemInfo({}))
    .then(
      () => 'answers',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  const silence = Object.entries(engines());
  return {
    healthy:
      server === 'answers' &&
      workers.length > 0 &&
      Object.values(queues).every((state) => state === 'RUNNING') &&
      silence.every(([, ms]) => (ms ?? 0) < SILENCE_LIMIT_MS),
    queues,
    server,
    engines: Object.fromEntries(silence.map(([name, ms]) => [name, describe(ms)])),
  };
}

function describe(silentMs: number | undefined): string {
  if (silentMs === undefined) return 'idle';
  return silentMs < SILENCE_LIMIT_MS ? 'answers' : `silent for ${Math.round(silentMs / 1000)} s`;
}
