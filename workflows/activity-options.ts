import type { ActivityOptions } from '@temporalio/workflow';
import type { Activities } from '../contracts/protocol/activities.js';
import { ACTIVITY_ROLES, ATTEMPT_HOURS } from '../contracts/protocol/activity-roles.js';
import type { Role } from '../contracts/protocol/queues.js';

/** A number and its unit. */
type Span = `${number}${'s' | 'm' | 'h' | 'd'}`;

/** Everything that keeps an activity from running, failing or waiting for ever. */
export interface BoundedOptions extends Pick<ActivityOptions, 'priority'> {
  readonly startToCloseTimeout: Span;
  readonly scheduleToCloseTimeout: Span;
  readonly heartbeatTimeout: Span;
  readonly retry: {
    readonly initialInterval: Span;
    readonly maximumInterval: Span;
    readonly maximumAttempts: number;
  };
}

/**
 * A worker that goes away (deploy, preemption, crash) costs one attempt. Errors that come each time end sooner
 * (`durability/failures.ts`), and those that say so end at the first (`contracts/errors/retry-policy.ts`).
 */
const PREEMPTIBLE = {
  initialInterval: '1s', // a lost worker is replaced at once by another that polls
  maximumInterval: '1m', // a full disk or an unreachable store takes minutes to be mended
  maximumAttempts: 100, // an hour and a half of a full disk; or a spot machine lost every two minutes of the longest activity
} satisfies BoundedOptions['retry'];

/** The heartbeat is how a dead worker is noticed, and how a cancellation reaches a living one. */
const HEARTBEAT = '30s'; // beats come every 2 s, a chunk of a large policy takes seconds; where a machine starves, see distribution.heartbeatSeconds

/** `attnrl plan` warns of what would take longer. */
const LONGEST_ATTEMPT = `${ATTEMPT_HOURS}h` as const;

/** 5 is the last to be served, 3 the default. */
export const BEHIND_THE_TRAINING = { priorityKey: 5 };

/** One group per class of cost: the roles, and evaluations, which wait behind the training. */
export const ACTIVITY_OPTIONS: Readonly<Record<Role | 'evaluation', BoundedOptions>> = {
  /** Reads and writes small artifacts: milliseconds, minutes for a large set of problems. */
  control: {
    startToCloseTimeout: '10m', // reading and packing 64 trees of 8k-token responses: about a minute
    scheduleToCloseTimeout: '1d', // a night without control workers does not end a run
    heartbeatTimeout: HEARTBEAT,
    retry: PREEMPTIBLE,
  },
  /** Generates or scores a whole batch. */
  rollout: {
    startToCloseTimeout: LONGEST_ATTEMPT, // 2,000 responses of 8k tokens at 190 tokens/s
    scheduleToCloseTimeout: '4d', // accelerators may be away for a weekend
    heartbeatTimeout: HEARTBEAT,
    retry: PREEMPTIBLE,
  },
  /** Beside the training: waits behind it. */
  evaluation: {
    startToCloseTimeout: LONGEST_ATTEMPT, // a shard of 512 samples of 32k tokens at 195 tokens/s
    scheduleToCloseTimeout: '4d', // low priority: it may wait for the training's rollouts
    heartbeatTimeout: HEARTBEAT,
    retry: PREEMPTIBLE,
    priority: BEHIND_THE_TRAINING,
  },
  /** Ten optimiser steps over one batch. */
  learner: {
    startToCloseTimeout: LONGEST_ATTEMPT, // 15M tokens at 175 tokens/s
    scheduleToCloseTimeout: '4d',
    heartbeatTimeout: HEARTBEAT,
    retry: PREEMPTIBLE,
  },
  /** Judges a batch; the next attempt goes on behind the verdicts of the one before. */
  verifier: {
    startToCloseTimeout: '2h', // 2,000 verdicts of at most 5 s on 4 cores: 42 minutes if all of them hang; a single one may take an hour
    scheduleToCloseTimeout: '1d',
    heartbeatTimeout: HEARTBEAT,
    retry: PREEMPTIBLE,
  },
};

export function optionsOf(name: keyof Activities): BoundedOptions {
  return ACTIVITY_OPTIONS[name === 'generateSamples' ? 'evaluation' : ACTIVITY_ROLES[name]];
}
