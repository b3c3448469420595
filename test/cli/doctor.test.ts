import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { queueFinding } from '../../cli/doctor/queues.js';
import { checkTensorFlow } from '../../cli/doctor/tensorflow.js';
import { findTfjs, TENSORFLOW, TFJS, tfjsFolder } from '../../scripts/load-tfjs.mjs';

it('a worker that has not asked for its queue for a while is not counted, and the last time is told', () => {
  const found = (...agesMs: number[]) => queueFinding('attnrl-learner', agesMs);
  expect(found(4_000)).toEqual({ check: 'queue attnrl-learner', state: 'ok', found: '1 worker polls, last 4 s ago' });
  expect(found(61_000, 2_000, 150_000)).toMatchObject({ state: 'ok', found: '2 workers poll, last 2 s ago' });
  expect(found(-300)).toMatchObject({ state: 'ok', found: '1 worker polls, last 0 s ago' });
  expect(found(150_000, 200_000)).toMatchObject({ state: 'warn', found: 'no worker polls, the last one 150 s ago' });
  expect(found()).toMatchObject({ state: 'warn', found: 'no worker polls' });
});

describe('of the learner "tfjs" it is told', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('how to set it up where it is not: no failure', async () => {
    vi.stubEnv('ATTNRL_CACHE', join(tmpdir(), 'no-such-cache'));
    const { state, remedy } = await checkTensorFlow();
    expect({ state, remedy }).toEqual({
      state: 'ok',
      remedy: expect.stringContaining('npm run setup:tfjs') as unknown,
    });
  });

  it('that it does not work', async () => {
    const cache = await mkdtemp(join(tmpdir(), 'doctor-'));
    vi.stubEnv('ATTNRL_CACHE', cache);
    try {
      await mkdir(tfjsFolder('cpu'), { recursive: true });
      const { state, found, remedy } = await checkTensorFlow();
      expect(state).toBe('fail');
      expect(found).toContain("Cannot find module '@tensorflow/tfjs-node-gpu'");
      expect(remedy).toContain(tfjsFolder('cpu'));
    } finally {
      await rm(cache, { recursive: true });
    }
  });

  it.skipIf(findTfjs() === undefined)('which versions, and the device', async () => {
    const found = expect.stringMatching(
      new RegExp(`^TensorFlow.js ${TFJS} on TensorFlow ${TENSORFLOW}, on the (CPU|GPU)$`),
    ) as unknown;
    expect(await checkTensorFlow()).toMatchObject({ state: 'ok', found });
  });
});
