import { resolve } from 'node:path';
import { DEFAULT_QUEUE_PREFIX } from './protocol/queues.js';

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
  /** Where a worker answers `/healthz` and `/metrics`; it prints the port it took. ATTNRL_MONITOR, default `127.0.0.1:0`. */
  readonly monitor: ListenAddress;
}

/** Which build a worker runs, as Temporal's worker deployments name it. */
export interface WorkerVersion {
  readonly deploymentName: string;
  readonly buildId: string;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** A variable of the environment has a value that cannot be used. */
export class InvalidEnvironment extends Error {
  override readonly name = 'InvalidEnvironment';
  constructor(
    readonly variable: string,
    readonly problem: string,
  ) {
    super(`${variable}: ${problem}`);
  }
}

type Variables = Readonly<Record<string, string | undefined>>;

/** @throws InvalidEnvironment */
export function readEnvironment(variables: Variables): Environment {
  // Set to nothing is not set: that is how shells and compose files leave a variable out.
  const env: Variables = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  return {
    home: resolve(env.ATTNRL_HOME ?? '.attnrl'),
    queuePrefix: env.ATTNRL_QUEUE_PREFIX ?? DEFAULT_QUEUE_PREFIX,
    trace: env.ATTNRL_TRACE,
    version: readVersion(env),
    monitor: listenAddress('ATTNRL_MONITOR', env, '127.0.0.1:0'),
  };
}

/** `host:port`, `[::1]:port` for IPv6. */
function listenAddress(variable: string, env: Variables, otherwise: string): ListenAddress {
  const value = env[variable] ?? otherwise;
  const [, ipv6, host = ipv6, digits] = /^(?:\[([\da-f:]+)\]|([^:]+)):(\d+)$/i.exec(value) ?? [];
  const port = Number(digits);
  if (host === undefined || !(port < 65536))
    throw new InvalidEnvironment(variable, `"${value}" is not host:port, as in ${otherwise}`);
  return { host, port };
}

function readVersion({
  ATTNRL_DEPLOYMENT: deploymentName,
  ATTNRL_BUILD_ID: buildId,
}: Variables): WorkerVersion | undefined {
  if (!deploymentName && !buildId) return undefined;
  if (deploymentName && buildId) return { deploymentName, buildId };
  const [unset, set] = deploymentName
    ? ['ATTNRL_BUILD_ID', 'ATTNRL_DEPLOYMENT']
    : ['ATTNRL_DEPLOYMENT', 'ATTNRL_BUILD_ID'];
  throw new InvalidEnvironment(unset, `worker versioning needs it beside ${set}: set both, or none`);
}
