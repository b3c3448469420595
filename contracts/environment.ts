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
  /** Worker versioning: ATTNRL_DEPLOYMENT and ATTNRL_BUILD_ID, both or none. Without them workers are not versioned. */
  readonly version: WorkerVersion | undefined;
}

/** Which build a worker runs, as Temporal's worker deployments name it. */
export interface WorkerVersion {
  readonly deploymentName: string;
  readonly buildId: string;
}

/** The environment of this process contradicts itself. */
export class InvalidEnvironment extends Error {
  override readonly name = 'InvalidEnvironment';
}

export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  return {
    home: resolve(env.ATTNRL_HOME ?? '.attnrl'),
    queuePrefix: env.ATTNRL_QUEUE_PREFIX ?? DEFAULT_QUEUE_PREFIX,
    trace: env.ATTNRL_TRACE,
    version: readVersion(env),
  };
}

function readVersion({
  ATTNRL_DEPLOYMENT: deploymentName,
  ATTNRL_BUILD_ID: buildId,
}: Readonly<Record<string, string | undefined>>): WorkerVersion | undefined {
  if (!deploymentName && !buildId) return undefined;
  if (deploymentName && buildId) return { deploymentName, buildId };
  throw new InvalidEnvironment(
    'worker versioning needs both ATTNRL_DEPLOYMENT and ATTNRL_BUILD_ID; set the other one, or none',
  );
}
