import { proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { Activities } from '../contracts/protocol/activities.js';
import { ACTIVITY_ROLES } from '../contracts/protocol/activity-roles.js';
import { queueName, queuePrefix } from '../contracts/protocol/queues.js';
import type { RunPlan } from '../contracts/protocol/run.js';
import { BEHIND_THE_TRAINING, optionsOf } from './activity-options.js';

/** What the plan says about how activities run, and whether they wait behind those of the training. */
type Conditions = Pick<RunPlan, 'heartbeatSeconds'> & { readonly background?: boolean };

/**
 * Runs one activity on the queue of its role, in the deployment this workflow belongs to.
 * @param summary the line Temporal's UI shows for it
 * @param plan of the run, once it is known: says how soon a silent worker counts as lost
 */
export function activity<Name extends keyof Activities>(
  name: Name,
  summary: string,
  input: Parameters<Activities[Name]>[0],
  plan?: Conditions,
): ReturnType<Activities[Name]> {
  const taskQueue = queueName(ACTIVITY_ROLES[name], queuePrefix(workflowInfo().taskQueue));
  const options = {
    ...optionsOf(name),
    ...(plan && { heartbeatTimeout: `${plan.heartbeatSeconds}s` as const }),
    ...(plan?.background && { priority: BEHIND_THE_TRAINING }),
  };
  const proxies = proxyActivities<Record<string, AnyActivity>>({ ...options, taskQueue, summary });
  return proxies[name](input) as ReturnType<Activities[Name]>;
}

type AnyActivity = (input: unknown) => Promise<unknown>;
