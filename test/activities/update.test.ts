/** An update that is cut off: the worker is told to stop while a step is under way. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { encodeRows } from '../../activities/formats/rows.js';
import { createActivities } from '../../activities/index.js';
import { putArrays } from '../../activities/io.js';
import type { Progress } from '../../activities/beat.js';
import type { Prepared } from '../../contracts/activities.js';
import type { StepOptions } from '../../contracts/engine.js';
import { HANDED_BACK } from '../../contracts/errors.js';
import { chain } from '../policy/learn/rows.js';
import { NullLearner } from '../support/null-engine.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { withFolder } from '../support/temporal.js';

/** Longer than a step has to end. */
const A_WHILE = 10_000;

afterEach(() => vi.useRealTimers());

/** Stands in a step of four micro-batches from the second on. */
class StandingLearner extends NullLearner {
  readonly standing: Promise<void>;
  #stand!: () => void;
  readonly closed = vi.fn(() => Promise.resolve());

  constructor(readonly obeys: boolean) {
    super();
    this.standing = new Promise((resolve) => (this.#stand = resolve));
  }

  override update(_: unknown, __?: unknown, ___?: unknown, ____?: unknown, options?: StepOptions): Promise<never> {
    options?.onProgress?.({ done: 1, total: 4 });
    this.#stand();
    return new Promise((_resolve, reject) => {
      if (this.obeys) options?.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error));
    });
  }

  override close(): Promise<void> {
    return this.closed();
  }
}

async function cutOff(learner: StandingLearner): Promise<{ failure: unknown; beats: Progress[] }> {
  let result: { failure: unknown; beats: Progress[] } | undefined;
  await withFolder(async (folder) => {
    const services = await nullServices(folder, () => learner);
    const { prepare } = createActivities(services, 'control');
    const { update } = createActivities(services, 'learner');
    const form = await smallForm({});
    const prepared: unknown = await new MockActivityEnvironment().run(prepare, { form });
    const { manifest, policy } = prepared as Prepared;
    const stored = [{ problem: 0, paths: 1, sequence: chain(1, 20, 64) }];
    const rows = await putArrays(services.store, 'rows', encodeRows(stored));
    const environment = new MockActivityEnvironment();
    const beats: Progress[] = [];
    environment.on('heartbeat', (beat: Progress) => beats.push(beat));
    const attempt = environment.run(update, { manifest, policy, rows, iteration: 0 });
    const failure = attempt.catch((error: unknown) => error);
    await learner.standing;
    await expect.poll(() => beats.at(-1)?.microBatches, { timeout: 5_000 }).toEqual({ done: 1, total: 4 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    environment.cancel('WORKER_SHUTDOWN');
    if (!learner.obeys) await vi.advanceTimersByTimeAsync(A_WHILE);
    result = { failure: await failure, beats };
  });
  return result!;
}

it('a step ends before its next micro-batch when its worker is told to stop, and the learner lives on', async () => {
  const learner = new StandingLearner(true);
  const { failure, beats } = await cutOff(learner);
  expect(failure).toMatchObject({ type: HANDED_BACK });
  expect(beats).toContainEqual({ doing: 'update', done: 0, total: 1, microBatches: { done: 1, total: 4 } });
  await vi.advanceTimersByTimeAsync(A_WHILE);
  expect(learner.closed).not.toHaveBeenCalled();
}, 20_000);

it('a step that does not end in time is dropped with its process', async () => {
  const learner = new StandingLearner(false);
  expect((await cutOff(learner)).failure).toMatchObject({ type: HANDED_BACK });
  expect(learner.closed).toHaveBeenCalledOnce();
}, 20_000);
