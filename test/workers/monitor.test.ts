/** A worker process (compiled: dist/) watched from outside while it trains. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunForm } from '../../contracts/config/form.js';
import { openMonitor } from '../../workers/monitor.js';
import { eventually, startChild } from '../support/process.js';
import { Temporal, withFolder } from '../support/temporal.js';
import { TINY } from '../support/tiny-form.js';

const FORM: RunForm = { ...TINY, algorithm: 'grpo' };

let temporal: Temporal;
beforeAll(async () => {
  temporal = await Temporal.start();
});
afterAll(() => temporal?.stop());

function startWorker(folder: string, monitor = '127.0.0.1:0') {
  return startChild([process.execPath, 'dist/workers/all-in-one.js'], {
    env: { TEMPORAL_ADDRESS: temporal.environment.address, ATTNRL_HOME: folder, ATTNRL_MONITOR: monitor },
    until: /(http:\/\/\S+)\/healthz/,
  });
}

/** The value of the first series with the name and the labels. */
function valueOf(metrics: string, name: string, labels = ''): number | undefined {
  const line = metrics.split('\n').find((line) => /^\w+/.exec(line)?.[0] === name && line.includes(labels));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

it('answers /healthz and /metrics with the numbers of the SDK and ours', async () => {
  await withFolder(async (folder) => {
    const worker = await startWorker(folder);
    try {
      const url = worker.matched[1];
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      await eventually(async () => ((await fetch(`${url}/healthz`)).status === 200 ? true : undefined));

      const options = { workflowId: 'watched', taskQueue: 'attnrl-control', args: [FORM] };
      await temporal.environment.client.workflow.execute('training', options);

      const metrics = await (await fetch(`${url}/metrics`)).text();
      expect(valueOf(metrics, 'temporal_worker_task_slots_available', 'task_queue="attnrl-rollout"')).toBeGreaterThan(
        0,
      );
      expect(valueOf(metrics, 'attnrl_generated_tokens_total')).toBeGreaterThan(100);
      expect(valueOf(metrics, 'attnrl_trained_tokens_total')).toBeGreaterThan(0);
      expect(valueOf(metrics, 'attnrl_slots')).toBe(32);
      expect(valueOf(metrics, 'attnrl_slots_in_use')).toBe(0);
      expect(valueOf(metrics, 'attnrl_rollouts_waiting')).toBe(0);
      expect(valueOf(metrics, 'attnrl_queue_wait_seconds_count', 'activity="generate"')).toBe(1);
      expect(valueOf(metrics, 'attnrl_iteration_seconds_count')).toBe(1);
      expect(valueOf(metrics, 'attnrl_iteration_phase_seconds_sum', 'phase="generate"')).toBeGreaterThan(0);
      for (const name of ['attnrl_reward', 'attnrl_tokens_per_second', 'attnrl_evaluation_accuracy'])
        expect(valueOf(metrics, name, 'run="watched"'), name).toBeGreaterThanOrEqual(0);
      const health = (await (await fetch(`${url}/healthz`)).json()) as { engines: Record<string, string> };
      expect(Object.values(health.engines)).toEqual(['answers', 'answers']);

      const taken = startWorker(folder, url.slice('http://'.length));
      await expect(taken).rejects.toThrow(/EADDRINUSE/);
    } finally {
      expect(await worker.stop()).toBe(0);
    }
  });
});

it('is not healthy while no server is there', async () => {
  const own = await Temporal.start();
  await withFolder(async (folder) => {
    const worker = await startChild([process.execPath, 'dist/workers/verifier.js'], {
      env: { TEMPORAL_ADDRESS: own.environment.address, ATTNRL_HOME: folder },
      until: /(http:\/\/\S+)\/healthz/,
    });
    try {
      const health = (): Promise<Response> => fetch(`${worker.matched[1]}/healthz`);
      await eventually(async () => ((await health()).status === 200 ? true : undefined));
      await own.stop();
      const response = await eventually(async () => {
        const response = await health();
        return response.status === 503 ? response : undefined;
      });
      expect(await response.json()).toMatchObject({ healthy: false, queues: { 'attnrl-verifier': 'RUNNING' } });
    } finally {
      await worker.stop('SIGKILL');
    }
  });
});

it('has no other page', async () => {
  const health = () => Promise.reject(new Error('broken'));
  const monitor = await openMonitor({ host: '127.0.0.1', port: 0 }, { health, metricsUrl: 'http://127.0.0.1:1/' });
  try {
    expect((await fetch(monitor.url)).status).toBe(404);
    expect((await fetch(`${monitor.url}/metrics`, { method: 'POST' })).status).toBe(405);
    expect((await fetch(`${monitor.url}/metrics`)).status).toBe(500);
    expect((await fetch(`${monitor.url}/healthz`)).status).toBe(500);
  } finally {
    await monitor.close();
  }
});
