/** What a worker counts beside what the SDK does; both come out of the SDK's Prometheus exporter. */
import type { MetricMeter } from '@temporalio/common';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { Activities } from '../contracts/protocol/activities.js';

/** Bounds of the buckets of our histograms: the exporter's own are made for milliseconds. */
export const SECONDS_BUCKETS = {
  attnrl_queue_wait_seconds: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800],
  attnrl_activity_seconds: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800],
  attnrl_update_step_seconds: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300],
  attnrl_iteration_phase_seconds: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800],
  attnrl_iteration_seconds: [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600],
};

export type WorkerMetrics = ReturnType<typeof createMetrics>;

/** Numbers tagged `run` carry the workflow id of their training. */
export function createMetrics(meter: MetricMeter) {
  const seconds = (name: keyof typeof SECONDS_BUCKETS, meaning: string) =>
    meter.createHistogram(name, 'float', 's', meaning);
  return {
    queueWait: seconds('attnrl_queue_wait_seconds', 'from scheduling to start, by activity'),
    activity: seconds('attnrl_activity_seconds', 'from start to end, by activity and outcome'),

    generatedTokens: meter.createCounter('attnrl_generated_tokens_total', '1', 'new tokens sampled by this process'),
    slots: meter.createGauge('attnrl_slots', 'int', '1', 'rollouts the engine generates at a time'),
    slotsInUse: meter.createGauge('attnrl_slots_in_use', 'int', '1', 'slots that hold a rollout'),
    rolloutsWaiting: meter.createGauge('attnrl_rollouts_waiting', 'int', '1', 'rollouts that wait for a slot'),

    trainedTokens: meter.createCounter('attnrl_trained_tokens_total', '1', 'tokens of updates, once per leaf path'),
    updateStep: seconds('attnrl_update_step_seconds', 'one optimiser step'),

    iteration: meter.createGauge('attnrl_iteration', 'int', '1', 'last iteration committed, by run'),
    iterationSeconds: seconds('attnrl_iteration_seconds', 'wall time of an iteration'),
    phaseSeconds: seconds('attnrl_iteration_phase_seconds', 'time of the parts of an iteration, by phase'),
    tokensPerSecond: meter.createGauge('attnrl_tokens_per_second', 'float', '1', 'in the last iteration, by run'),
    reward: meter.createGauge('attnrl_reward', 'float', '1', 'mean over all leaves of the last iteration, by run'),
    accuracy: meter.createGauge('attnrl_accuracy', 'float', '1', 'of initial responses, last iteration, by run'),
    withoutInfluence: meter.createGauge(
      'attnrl_responses_without_influence',
      'float',
      '1',
      'share of initial responses whose steps have none, last iteration, by run',
    ),
    evaluation: meter.createGauge('attnrl_evaluation_accuracy', 'float', '1', 'mean over held-out sets, by run'),
  };
}

type Observers = {
  readonly [Name in keyof Activities]?: (
    metrics: WorkerMetrics,
    input: Parameters<Activities[Name]>[0],
    result: Awaited<ReturnType<Activities[Name]>>,
  ) => void;
};

/** What is read off the results of activities. */
const OBSERVERS: Observers = {
  commitIteration: (metrics, { run }, { summary }) => {
    const { total, ...phases } = summary.seconds;
    metrics.iteration.set(summary.iteration, { run });
    if (total !== undefined) metrics.iterationSeconds.record(total);
    for (const [phase, time] of Object.entries(phases)) metrics.phaseSeconds.record(time, { phase });
    metrics.tokensPerSecond.set(summary.tokensPerSecond, { run });
    metrics.reward.set(summary.reward, { run });
    metrics.accuracy.set(summary.accuracy, { run });
    if (summary.steps) metrics.withoutInfluence.set(summary.steps.withoutInfluence, { run });
  },
  recordEvaluation: (metrics, { run }, { summary }) => metrics.evaluation.set(summary.mean, { run }),
};

/** Measures every activity of a worker. */
export function measureActivities(metrics: WorkerMetrics): ActivityInterceptorsFactory {
  return ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const activity = info.activityType;
        const start = Date.now();
        metrics.queueWait.record(Math.max(0, start - info.currentAttemptScheduledTimestampMs) / 1000, { activity });
        let outcome = 'failed';
        try {
          const result = await next(input);
          outcome = 'completed';
          const observe = OBSERVERS[activity as keyof Activities] as
            ((metrics: WorkerMetrics, input: unknown, result: unknown) => void) | undefined;
          observe?.(metrics, input.args[0], result);
          return result;
        } finally {
          metrics.activity.record((Date.now() - start) / 1000, { activity, outcome });
        }
      },
    },
  });
}
