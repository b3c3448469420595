/** What `attnrl doctor` says of a task queue. */
import { optionalTsToMs } from '../../contracts/protocol/temporal-internals.js';
import { queueName, ROLES } from '../../contracts/protocol/queues.js';
import type { Finding } from './finding.js';
import type { Session } from '../session.js';

/** A worker that lives asks at least once a minute; the server names one for five minutes after it last did. */
const POLLS_WITHIN_MS = 90_000;

type TaskQueueType = Parameters<Session['client']['workflowService']['describeTaskQueue']>[0]['taskQueueType'];
/** TASK_QUEUE_TYPE_ACTIVITY; every role has some. */
const ACTIVITIES: unknown = 2;

export async function* checkQueues({ client, server, environment }: Session): AsyncGenerator<Finding> {
  for (const role of ROLES) {
    const name = queueName(role, environment.queuePrefix);
    const { pollers } = await client.workflowService.describeTaskQueue({
      namespace: server.namespace,
      taskQueue: { name },
      taskQueueType: ACTIVITIES as TaskQueueType,
    });
    const now = Date.now();
    const ages = (pollers ?? []).map(({ lastAccessTime }) => now - (optionalTsToMs(lastAccessTime) ?? 0));
    yield queueFinding(name, ages);
  }
}

/** @param agesMs since each worker asked last; a clock that is a little behind the server's makes them negative */
export function queueFinding(name: string, agesMs: readonly number[]): Finding {
  const check = `queue ${name}`;
  const living = agesMs.filter((age) => age < POLLS_WITHIN_MS).length;
  if (living > 0) {
    const seconds = Math.max(0, Math.round(Math.min(...agesMs) / 1000));
    const found = `${living} ${living === 1 ? 'worker polls' : 'workers poll'}, last ${seconds} s ago`;
    return { check, state: 'ok', found };
  }
  const last = agesMs.length === 0 ? '' : `, the last one ${Math.round(Math.min(...agesMs) / 1000)} s ago`;
  const remedy = '`npm start` brings its own worker; or run `npm run attnrl worker`';
  return { check, state: 'warn', found: `no worker polls${last}`, remedy };
}
