import { resolve } from 'node:path';
import { DEFAULT_QUEUE_PREFIX } from './queues.js';

/** What our processes read from their environment, beside Temporal's own variables (`@temporalio/envconfig`). */
export interface Environment {
  /** Folder of everything we keep: `store/`, `runs/`, `temporal/`. ATTNRL_HOME, default `.attnrl`. */
  readonly home: string;
  /** Deployments that share a server differ in it. ATTNRL_QUEUE_PREFIX, default `attnrl`. */
  readonly queuePrefix: string;
  /** File to which engines append what they generate, for measurements. ATTNRL_TRACE. */
  readonly trace: string | undefined;
}

export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  return {
    home: resolve(env.ATTNRL_HOME ?? '.attnrl'),
    queuePrefix: env.ATTNRL_QUEUE_PREFIX ?? DEFAULT_QUEUE_PREFIX,
    trace: env.ATTNRL_TRACE,
  };
}
