/** An update that is cut off, or whose store is slow or full. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { createActivities } from '../../activities/index.js';
import { writeArtifact } from '../../store/formats/artifacts.js';
import { outsideTemporal } from '../../durability/current-attempt.js';
import type { Progress } from '../../durability/progress.js';
import type { Prepared } from '../../contracts/protocol/activities.js';
import type { StepOptions } from '../../contracts/engine/engine.js';
import { HANDED_BACK } from '../../contracts/errors/run-errors.js';
import { chain } from '../policy/training/rows.js';
import { NullLearner } from '../../tools/bench/null-engine.js';
import { nullServices, smallForm } from '../support/null-run.js';
import type { Services } from '../../services/services.js';
import { StoreFull, type ArtifactStore } from '../../store/artifact-store.js';
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

/** Prepares a run and gives what begins an update of one row in it. */
async function updateOf(services: Services, begun: (store: ArtifactStore) => ArtifactStore = (store) => store) {
  const { prepare } = createActivities(services, 'control');
  const prepared: unknown = await new MockActivityEnvironment().run(prepare, { form: await smallForm({}) });
  const { manifest, policy } = prepared as Prepared;
  const stored = [{ problem: 0, paths: 1, sequence: chain(1, 20, 64) }];
  const rows = await writeArtifact(services.store, 'rows', stored);
  const { update } = createActivities({ ...services, store: begun(services.store) }, 'learner');
  const input = { manifest, policy, rows, iteration: 0 };
  return (environment?: MockActivityEnvironment): Promise<unknown> =>
    environment ? environment.run(update, input) : outsideTemporal(() => update(input));
}

async function cutOff(learner: StandingLearner): Promise<{ failure: unknown; beats: Progress[] }> {
  let result: { failure: unknown; beats: Progress[] } | undefined;
  await withFolder(async (folder) => {
    const update = await updateOf(await nullServices(folder, () => learner));
    const environment = new MockActivityEnvironment();
    const beats: Progress[] = [];
    environment.on('heartbeat', (beat: Progress) => beats.push(beat));
    const failure = update(environment).catch((error: unknown) => error);
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

/** The store with one method replaced. */
function changed<Name extends keyof ArtifactStore>(store: ArtifactStore, name: Name, method: ArtifactStore[Name]) {
  return new Proxy(store, {
    get: (target, asked: keyof ArtifactStore): unknown =>
      asked === name ? method : (target[asked] as (...args: unknown[]) => unknown).bind(target),
  });
}

it('gives signs of life while the files of the policy are checked', async () => {
  await withFolder(async (folder) => {
    let told!: () => void;
    const alive = new Promise<void>((resolve) => (told = resolve));
    const update = await updateOf(await nullServices(folder), (store) =>
      changed(store, 'localPath', async (ref) => {
        await alive;
        return store.localPath(ref);
      }),
    );
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', ({ doing }: Progress) => doing === 'load the policy' && told());
    expect(await update(environment)).toMatchObject({ update: { steps: 1 } });
  });
});

it('what was learnt is held while the disk is full, and saved when there is room', async () => {
  await withFolder(async (folder) => {
    const learner = new NullLearner();
    const learnt = vi.spyOn(learner, 'update');
    let full = true;
    const update = await updateOf(await nullServices(folder, () => learner), (store) =>
      changed(store, 'putWritten', async (...files) => {
        if (full) throw new StoreFull(folder, {});
        return store.putWritten(...files);
      }),
    );
    const environment = new MockActivityEnvironment();
    environment.on('heartbeat', ({ waitsFor }: Progress) => {
      if (waitsFor?.startsWith('StoreFull: No space left') === true) full = false;
    });
    expect(await update(environment)).toMatchObject({ update: { steps: 1 } });
    expect(full).toBe(false);
    expect(learnt).toHaveBeenCalledOnce();
  });
});

it('outside of Temporal, where an attempt has no end, a full disk is told at once', async () => {
  await withFolder(async (folder) => {
    const update = await updateOf(await nullServices(folder), (store) =>
      changed(store, 'putWritten', () => Promise.reject(new StoreFull(folder, {}))),
    );
    await expect(update()).rejects.toBeInstanceOf(StoreFull);
  });
});
