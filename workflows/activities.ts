import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities.js';
import { ACTIVITY_ROLES } from '../contracts/activity-roles.js';
import { queueName, queuePrefix } from '../contracts/queues.js';
import type { RunPlan } from '../contracts/run.js';
import { optionsOf } from './activity-options.js';

/**
 * Runs one activity on the queue of its role, in the deployment this workflow belongs to.
 * @param summary the line Temporal's UI shows for it
 * @param plan of the run, once it is known: says how soon a silent worker counts as lost
 */
export function activity<Name extends keyof Activities>(
  name: Name,
  summary: string,
  input: Parameters<Activities[Name]>[0],
  plan?: Pick<RunPlan, 'heartbeatSeconds'>,
): ReturnType<Activities[Name]> {
  const taskQueue = queueName(ACTIVITY_ROLES[name], queuePrefix(workflowInfo().taskQueue));
  const options = { ...optionsOf(name), ...(plan && { heartbeatTimeout: `${plan.heartbeatSeconds}s` as const }) };
  const proxies = proxyActivities<Record<string, AnyActivity>>({ ...options, taskQueue, summary });
  return proxies[name](input) as ReturnType<Activities[Name]>;
}

type AnyActivity = (input: unknown) => Promise<unknown>;
