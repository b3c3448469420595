/**
 * A Temporal server to work with: the one the environment names, else a development server of ours that outlives this
 * process and keeps its runs in a database file.
 */
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  deadServer,
  DevServerMoved,
  isHealthy,
  readServer,
  startDevServer,
  stopDevServer,
  type DevServer,
} from './temporal/dev-server.js';
import { withLock } from './temporal/lock.js';
import { declareSearchAttributes, type SearchAttribute } from './temporal/search-attributes.js';

export interface TemporalServer {
  /** host:port */
  readonly address: string;
  readonly namespace: string;
  /** The web UI, where we know it: of servers of ours. */
  readonly uiUrl: string | undefined;
  /** True when this call started it. */
  readonly startedByUs: boolean;
}

export interface TemporalServerOptions {
  /** The project's state folder; the server keeps its files in `temporal/` within. */
  readonly home: string;
  /** Added to the namespace where they are missing. */
  readonly searchAttributes: readonly SearchAttribute[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The server that the environment names does not answer. */
export class TemporalUnreachable extends Error {
  override readonly name = 'TemporalUnreachable';
  constructor(
    readonly address: string,
    options: ErrorOptions & { cause: Error },
  ) {
    super(
      `No Temporal server answers at ${address} (${options.cause.message}). The address comes from TEMPORAL_ADDRESS or the ` +
        'Temporal configuration file; check it, TEMPORAL_TLS and TEMPORAL_API_KEY, or unset it to use a local server.',
      options,
    );
  }
}

/** A look at a process costs nothing, and a run that stands still for a second is not noticed. */
const LOOK_MS = 1000;

/**
 * Rejects with `TemporalUnreachable`, `TemporalBinaryMissing`, `DevServerFailed` or `SearchAttributesMissing`: each says
 * what to do. A server that already runs is reused; calls of several processes at once start one server.
 */
export async function ensureTemporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const { connectionOptions, namespace = 'default' } = clientConfig(options.env);
  if (connectionOptions.address !== undefined) {
    await declareAtConfigured(connectionOptions, namespace, options);
    return { address: connectionOptions.address, namespace, uiUrl: undefined, startedByUs: false };
  }
  const folder = serverFolder(options.home);
  return withLock(folder, async () => {
    const running = await readServer(folder);
    if (running && running.namespace === namespace && (await isHealthy(running))) {
      await declareAtOurs(running, options);
      return { ...describe(running), startedByUs: false };
    }
    if (running) await stopDevServer(folder);
    const { env = process.env, searchAttributes } = options;
    return { ...describe(await startDevServer({ folder, namespace, searchAttributes, env })), startedByUs: true };
  });
}

/**
 * Looks after our development server until `signal` aborts: when it dies, it is started again under the same address and with the
 * same database, so that whoever is connected goes on. Rejects with `DevServerFailed` or `DevServerMoved` where it cannot be.
 */
export async function keepTemporalServer(
  { home, namespace, searchAttributes, env = process.env }: TemporalServerOptions & { readonly namespace: string },
  signal: AbortSignal,
  onRevived: () => void,
): Promise<void> {
  const folder = serverFolder(home);
  const revive = async (): Promise<void> => {
    const dead = await deadServer(folder);
    if (!dead) return; // another process was faster
    const { address } = await startDevServer({ folder, namespace, searchAttributes, env });
    if (address !== dead.address) throw new DevServerMoved(dead.address, address);
    onRevived();
  };
  while (!signal.aborted) {
    if (await deadServer(folder)) await withLock(folder, revive);
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Stops our development server, if one runs; its runs stay in the database. True when there was one. */
export async function stopTemporalServer(home: string): Promise<boolean> {
  const folder = serverFolder(home);
  return withLock(folder, () => stopDevServer(folder));
}

/** Our development server, if one runs and answers. Starts nothing. */
export async function findTemporalServer(home: string): Promise<Omit<TemporalServer, 'startedByUs'> | undefined> {
  const running = await readServer(serverFolder(home));
  return running && (await isHealthy(running)) ? describe(running) : undefined;
}

function serverFolder(home: string): string {
  return join(home, 'temporal');
}

function describe({ address, namespace, uiUrl }: DevServer): Omit<TemporalServer, 'startedByUs'> {
  return { address, namespace, uiUrl };
}

function clientConfig(env: TemporalServerOptions['env']): ClientConnectConfig {
  if (env === undefined) return loadClientConnectConfig();
  const set = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(set) });
}

async function declareAtConfigured(
  connectionOptions: ClientConnectConfig['connectionOptions'],
  namespace: string,
  { searchAttributes }: TemporalServerOptions,
): Promise<void> {
  const connection = await Connection.connect(connectionOptions).catch((error: unknown) => {
    throw new TemporalUnreachable(String(connectionOptions.address), { cause: error as Error });
  });
  await declareSearchAttributes(connection, namespace, searchAttributes).finally(() => connection.close());
}

async function declareAtOurs(server: DevServer, { searchAttributes }: TemporalServerOptions): Promise<void> {
  const connection = await Connection.connect({ address: server.address });
  await declareSearchAttributes(connection, server.namespace, searchAttributes).finally(() => connection.close());
}
