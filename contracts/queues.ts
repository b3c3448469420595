/**
 * One task queue per class of resource, so that each can be served by its own machines:
 * `control` decides (workflow code and light activities), `rollout` holds policies on accelerators,
 * `learner` holds weights and optimiser state, `verifier` judges answers.
 */
export const ROLES = ['control', 'rollout', 'learner', 'verifier'] as const;
export type Role = (typeof ROLES)[number];

/** Deployments that share a server differ in this prefix. */
export const DEFAULT_QUEUE_PREFIX = 'attnrl';

export function queueName(role: Role, prefix = DEFAULT_QUEUE_PREFIX): string {
  return `${prefix}-${role}`;
}

/** The deployment a workflow belongs to, from the control queue it runs on. */
export function queuePrefix(controlQueue: string): string {
  const suffix = '-control';
  if (!controlQueue.endsWith(suffix)) {
    throw new Error(`workflows run on a queue named <prefix>${suffix}; this one runs on "${controlQueue}"`);
  }
  return controlQueue.slice(0, -suffix.length);
}
