import type { Activities } from './activities.js';
import type { Role } from './queues.js';

/** One attempt at generating, scoring or learning may take so long. A worker that is lost is noticed by its heartbeat, long before. */
export const ATTEMPT_HOURS = 24;

/** Which class of machine runs an activity. */
export const ACTIVITY_ROLES = {
  prepare: 'control',
  identifySender: 'control',
  drawProblems: 'control',
  joinShards: 'control',
  chooseBranchPoints: 'control',
  growTree: 'control',
  commitIteration: 'control',
  drawHeldOut: 'control',
  recordEvaluation: 'control',
  explainWait: 'control',
  finishRun: 'control',
  generate: 'rollout',
  generateBranches: 'rollout',
  scoreInitial: 'rollout',
  scoreBranches: 'rollout',
  generateSamples: 'rollout',
  update: 'learner',
  verify: 'verifier',
} as const satisfies Record<keyof Activities, Role>;
