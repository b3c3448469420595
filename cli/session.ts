import { hostname, userInfo } from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readEnvironment, type Environment } from '../contracts/environment.js';
import { dataConverter } from '../contracts/protocol/payload-encryption.js';
import { queueName } from '../contracts/protocol/queues.js';
import { SEARCH_ATTRIBUTES } from '../contracts/protocol/search-attributes.js';
import {
  ensureTemporalServer,
  findTemporalServer,
  keepTemporalServer,
  type TemporalServer,
} from './temporal-server.js';

type Server = Pick<TemporalServer, 'address' | 'namespace' | 'uiUrl'>;

/** A connection to the server that a command works with. */
export interface Session {
  readonly environment: Environment;
  readonly server: Server;
  readonly client: Client;
  /** Where runs are started. */
  readonly controlQueue: string;
  close(): Promise<void>;
}

/** Starts a development server where none is configured and none of ours runs. */
export async function openSession(): Promise<Session> {
  const environment = readEnvironment(process.env);
  const searchAttributes = Object.values(SEARCH_ATTRIBUTES);
  return connect(environment, await ensureTemporalServer({ home: environment.home, searchAttributes }));
}

/**
 * Starts the session's server again whenever it dies, until `signal` aborts, where it is a development server of ours.
 * @param onRevived called each time
 */
export async function keepServer(
  { environment: { home }, server: { namespace, uiUrl } }: Session,
  signal: AbortSignal,
  onRevived: () => void,
): Promise<void> {
  const searchAttributes = Object.values(SEARCH_ATTRIBUTES);
  if (uiUrl !== undefined) await keepTemporalServer({ home, namespace, searchAttributes }, signal, onRevived);
}

/** The server that is there; starts nothing. */
export async function findSession(): Promise<Session | undefined> {
  const environment = readEnvironment(process.env);
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const { address } = connectionOptions;
  const server = address ? { address, namespace, uiUrl: undefined } : await findTemporalServer(environment.home);
  return server && connect(environment, server);
}

async function connect(environment: Environment, server: Server): Promise<Session> {
  const { connectionOptions } = loadClientConnectConfig();
  const converter = dataConverter(process.env);
  const connection = await Connection.connect({ ...connectionOptions, address: server.address });
  return {
    environment,
    server,
    client: new Client({
      connection,
      namespace: server.namespace,
      // Ledgers name who steered a run: the person rather than the process.
      identity: `${userInfo().username}@${hostname()}`,
      ...(converter && { dataConverter: converter }),
    }),
    controlQueue: queueName('control', environment.queuePrefix),
    close: () => connection.close(),
  };
}

/** The page of a run in Temporal's UI, where we know the UI. */
export function runUrl({ server }: Session, workflowId: string): string | undefined {
  if (server.uiUrl === undefined) return undefined;
  return `${server.uiUrl}/namespaces/${server.namespace}/workflows/${encodeURIComponent(workflowId)}`;
}
