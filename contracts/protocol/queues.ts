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

/** The deployment a workflow belongs to, from the control queue it runs on. A replayer's made-up queue stands for itself. */
export function queuePrefix(controlQueue: string): string {
  return controlQueue.replace(/-control$/, '');
}
