import { defineSearchAttributeKey } from '@temporalio/common';

/** Typed search attributes of runs and their children; upserted once per iteration. */
export const SEARCH_ATTRIBUTES = {
  /** Workflow id of the run that a workflow belongs to. */
  run: defineSearchAttributeKey('AttnrlRun', 'KEYWORD'),
  model: defineSearchAttributeKey('AttnrlModel', 'KEYWORD'),
  algorithm: defineSearchAttributeKey('AttnrlAlgorithm', 'KEYWORD'),
  configHash: defineSearchAttributeKey('AttnrlConfigHash', 'KEYWORD'),
  /** preparing | training | finished, or the child's part of an iteration. */
  phase: defineSearchAttributeKey('AttnrlPhase', 'KEYWORD'),
  /** Version of the policy: updates so far. */
  iteration: defineSearchAttributeKey('AttnrlIteration', 'INT'),
  /** Mean accuracy of the last evaluation over the held-out sets, 0..1. */
  accuracy: defineSearchAttributeKey('AttnrlAccuracy', 'DOUBLE'),
  /** Share of correct initial responses in the last iteration, 0..1. */
  reward: defineSearchAttributeKey('AttnrlReward', 'DOUBLE'),
} as const;
