import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';

/** Histories of ended runs are kept so long: an audit reads them. */
const RETENTION_DAYS = 90;
/** Servers notice a new namespace within 10 s. */
const REGISTRATION_LIMIT_MS = 60_000;

/** gRPC status codes. */
const NOT_FOUND: number = 5;
const ALREADY_EXISTS: number = 6;

/** Registers the namespace where it is missing, and waits until the server knows it. */
export async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  if (await exists(connection, namespace)) return;
  const seconds = RETENTION_DAYS * 86_400;
  const retention = { seconds } as unknown as NonNullable<
    Parameters<Connection['workflowService']['registerNamespace']>[0]['workflowExecutionRetentionPeriod']
  >;
  await connection.workflowService
    .registerNamespace({ namespace, workflowExecutionRetentionPeriod: retention })
    .catch((error: unknown) => {
      if (codeOf(error) !== ALREADY_EXISTS) throw error;
    });
  const deadline = performance.now() + REGISTRATION_LIMIT_MS;
  while (!(await isServed(connection, namespace))) {
    if (performance.now() > deadline) throw new Error(`the server does not serve namespace ${namespace} it registered`);
    await sleep(500);
  }
}

function exists(connection: Connection, namespace: string): Promise<boolean> {
  return found(connection.workflowService.describeNamespace({ namespace }));
}

/** Its parts learn of a namespace one after the other; the one that answers about search attributes matters here. */
function isServed(connection: Connection, namespace: string): Promise<boolean> {
  return found(connection.operatorService.listSearchAttributes({ namespace }));
}

function found(answer: Promise<unknown>): Promise<boolean> {
  return answer.then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === NOT_FOUND) return false;
      throw error;
    },
  );
}

function codeOf(error: unknown): number | undefined {
  return isGrpcServiceError(error) ? error.code : undefined;
}
