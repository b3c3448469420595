import { proxyActivities, workflowInfo, type ActivityFunctionWithOptions } from '@temporalio/workflow';
import type { Activities } from '../contracts/activities.js';
import { queueName, queuePrefix } from '../contracts/queues.js';
import { ACTIVITY_OPTIONS, type BoundedOptions } from './activity-options.js';

/** Which options each activity runs under. */
export const ACTIVITY_GROUPS = {
  prepare: 'control',
  drawProblems: 'control',
  chooseBranchPoints: 'control',
  growTree: 'control',
  commitIteration: 'control',
  recordEvaluation: 'control',
  finishRun: 'control',
  generate: 'rollout',
  generateBranches: 'rollout',
  scoreInitial: 'rollout',
  scoreBranches: 'rollout',
  evaluate: 'evaluation',
  update: 'learner',
  verify: 'verifier',
} as const satisfies Record<keyof Activities, keyof typeof ACTIVITY_OPTIONS>;

/**
 * Runs one activity on the queue of its role, in the deployment this workflow belongs to.
 * `summary` is the line Temporal's UI shows for it.
 */
export function activity<Name extends keyof Activities>(
  name: Name,
  summary: string,
  ...args: Parameters<Activities[Name]>
): ReturnType<Activities[Name]> {
  const { role, ...options }: BoundedOptions = ACTIVITY_OPTIONS[ACTIVITY_GROUPS[name]];
  const taskQueue = queueName(role, queuePrefix(workflowInfo().taskQueue));
  const proxies = proxyActivities<Activities>({ ...options, taskQueue, summary });
  return (proxies[name] as ActivityFunctionWithOptions<(...args: unknown[]) => Promise<unknown>>)(
    ...args,
  ) as ReturnType<Activities[Name]>;
}
