import type { MetricMeter } from '@temporalio/common';
import { expect, it } from 'vitest';
import type { Services } from '../../services/services.js';
import type { GenerateProgress, InferenceEngine, RolloutRequest } from '../../contracts/engine/engine.js';
import { measuredServices } from '../../workers/measured-services.js';
import { createMetrics } from '../../workers/metrics.js';

/** Keeps the last value of gauges and the sum of counters. */
function recorder(): { meter: MetricMeter; values: Record<string, number> } {
  const values: Record<string, number> = {};
  const metric = (name: string) => ({
    set: (value: number) => (values[name] = value),
    add: (value: number) => (values[name] = (values[name] ?? 0) + value),
    record: () => undefined,
  });
  const meter = { createCounter: metric, createHistogram: metric, createGauge: metric };
  return { meter: meter as unknown as MetricMeter, values };
}

const request = { generated: Int32Array.of(1, 2) } as unknown as RolloutRequest;
const settings = { slots: 4, chunk: 16, threads: 1 } as const;

it('counts slots, waiting rollouts and new tokens of concurrent calls', async () => {
  const calls: { progress: (progress: GenerateProgress) => void; end: () => void; fail: (error: Error) => void }[] = [];
  const engine = {
    generate: (_: string, requests: readonly RolloutRequest[], { onProgress }: { onProgress: never }) =>
      new Promise((resolve, reject) => {
        const rollouts = requests.map(() => ({ tokens: new Int32Array(10) }));
        calls.push({ progress: onProgress, end: () => resolve(rollouts), fail: reject });
      }),
  } as unknown as InferenceEngine;
  const { meter, values } = recorder();
  const services = { engine: () => Promise.resolve(engine) } as unknown as Services;
  const measured = measuredServices(services, createMetrics(meter));
  // Two activities ask for the engine; it is the same one.
  const [one, two] = [await measured.engine(settings), await measured.engine(settings)];

  const first = one.generate('p', [request, request, request]);
  const second = two.generate('p', [request, request, request]);
  expect(values).toMatchObject({ attnrl_slots: 4, attnrl_slots_in_use: 4, attnrl_rollouts_waiting: 2 });

  // Two tokens of each request were there before: 12 of 18 are new.
  calls[0].progress({ done: 2, total: 3, tokens: 18 });
  expect(values).toMatchObject({
    attnrl_slots_in_use: 4,
    attnrl_rollouts_waiting: 0,
    attnrl_generated_tokens_total: 12,
  });

  calls[0].end();
  await first;
  expect(values).toMatchObject({ attnrl_slots_in_use: 3, attnrl_generated_tokens_total: 24 });

  calls[1].fail(new Error('crashed'));
  await expect(second).rejects.toThrow('crashed');
  expect(values).toMatchObject({ attnrl_slots_in_use: 0, attnrl_generated_tokens_total: 24 });
});
