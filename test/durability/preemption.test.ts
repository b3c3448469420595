/** Attempts that end in the middle of a generation, in each way and after each chunk. */
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { describe, expect, it } from 'vitest';
import { FIRST_PROBLEM } from '../../algorithm/data-order.js';
import { createActivities } from '../../activities/index.js';
import type { Services } from '../../services/services.js';
import type { Drawn, Generated, Prepared } from '../../contracts/protocol/activities.js';
import { EngineCrashed } from '../../contracts/errors/engine-errors.js';
import type { InferenceEngine } from '../../contracts/engine/engine.js';
import { FAILS_EACH_TIME, HANDED_BACK } from '../../contracts/errors/run-errors.js';
import { CHUNK, ChunkedEngine } from '../support/chunked-engine.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { withFolder } from '../support/temporal.js';

interface Scene {
  readonly services: Services;
  readonly engine: InferenceEngine;
  /** One attempt of `generate`, on a worker of its own. */
  readonly attempt: (engine: InferenceEngine, environment?: MockActivityEnvironment) => Promise<Generated>;
}

function scene(work: (scene: Scene) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const services = await nullServices(folder);
    const control = createActivities(services, 'control');
    const run = (name: string, input: object) => new MockActivityEnvironment().run(control[name], input);
    const { manifest, policy } = (await run('prepare', { form: await smallForm({}) })) as Prepared;
    const drawn = (await run('drawProblems', { manifest, iteration: 0, cursor: FIRST_PROBLEM, count: 4 })) as Drawn;
    const shard = { index: 0, count: 1 };
    const input = { manifest, policy, problems: drawn.problems, iteration: 0, shard };
    await work({
      services,
      engine: await services.engine({ slots: 1, chunk: 16, threads: 0 }),
      attempt: async (engine, environment = new MockActivityEnvironment()) => {
        const { generate } = createActivities({ ...services, engine: () => Promise.resolve(engine) }, 'rollout');
        const made: unknown = await environment.run(generate, input);
        return made as Generated;
      },
    });
  });
}

/** What an attempt without disturbance makes, and how many tokens that takes. */
async function undisturbed(): Promise<{ rollouts: string; tokens: number }> {
  let made = { rollouts: '', tokens: 0 };
  await scene(async ({ engine, attempt }) => {
    const whole = new ChunkedEngine(engine);
    const { rollouts } = await attempt(whole);
    made = { rollouts: rollouts.sha256, tokens: whole.generated };
  });
  return made;
}

const NEVER = new Promise<never>(() => undefined);

/** Ends the attempt before chunk `at`; resolves when it has ended, or hangs as a dead process does. */
const ENDINGS: Record<string, (scene: Scene, at: number, count: (tokens: number) => void) => Promise<void>> = {
  'the worker is killed': async ({ engine, attempt }, at, count) => {
    await new Promise<void>((resolve) => {
      const dying = new ChunkedEngine(engine, (chunk) => {
        if (chunk < at) return Promise.resolve();
        count(dying.generated);
        resolve();
        return NEVER;
      });
      void attempt(dying);
    });
  },
  'the engine is killed': async ({ engine, attempt }, at, count) => {
    const dying = new ChunkedEngine(engine, (chunk) =>
      chunk < at ? Promise.resolve() : Promise.reject(new EngineCrashed({ how: 'SIGKILL' })),
    );
    await expect(attempt(dying)).rejects.toBeInstanceOf(EngineCrashed);
    count(dying.generated);
  },
  'the worker is told to stop': async ({ engine, attempt }, at, count) => {
    const environment = new MockActivityEnvironment();
    const stopping = new ChunkedEngine(engine, (chunk) => {
      if (chunk === at) environment.cancel('WORKER_SHUTDOWN');
      return Promise.resolve();
    });
    const failure: unknown = await attempt(stopping, environment).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApplicationFailure);
    // Not an error, tried again at once.
    expect(failure).toMatchObject({
      type: HANDED_BACK,
      nonRetryable: false,
      nextRetryDelay: '1ms',
      category: 'BENIGN',
    });
    count(stopping.generated);
  },
};

describe.each(Object.entries(ENDINGS))('a crash loses no trajectory (verl 7579): %s', (_, end) => {
  it.each([0, 1, 2, 5])('before chunk %d', async (at) => {
    const whole = await undisturbed();
    await scene(async (stage) => {
      let before = 0;
      await end(stage, at, (tokens) => (before = tokens));
      const next = new ChunkedEngine(stage.engine);
      expect((await stage.attempt(next)).rollouts.sha256).toBe(whole.rollouts);
      expect(before).toBeGreaterThanOrEqual(at * CHUNK);
      expect(before + next.generated).toBe(whole.tokens); // nothing twice
    });
  });
});

it('goes on after any number of ends', async () => {
  const whole = await undisturbed();
  await scene(async (stage) => {
    let tokens = 0;
    for (const end of [...Object.values(ENDINGS), ...Object.values(ENDINGS)]) {
      await end(stage, 1, (generated) => (tokens += generated));
    }
    const last = new ChunkedEngine(stage.engine);
    expect((await stage.attempt(last)).rollouts.sha256).toBe(whole.rollouts);
    expect(tokens + last.generated).toBe(whole.tokens);
  });
});

it('an engine that crashes each time at the same place is not asked for ever', async () => {
  await scene(async ({ engine, attempt }) => {
    const crashing = (from: number) =>
      new ChunkedEngine(engine, (chunk) =>
        chunk < from ? Promise.resolve() : Promise.reject(new EngineCrashed({ how: 'SIGSEGV' })),
      );
    const failures: unknown[] = [];
    for (let i = 0; i < 4; i++) failures.push(await attempt(crashing(0)).catch((error: unknown) => error));
    failures.push(await attempt(crashing(1)).catch((error: unknown) => error)); // it got on: counted anew
    for (let i = 0; i < 4; i++) failures.push(await attempt(crashing(0)).catch((error: unknown) => error));
    expect(failures.slice(0, 8).every((failure) => failure instanceof EngineCrashed)).toBe(true);
    expect(failures[8]).toMatchObject({
      type: FAILS_EACH_TIME,
      nonRetryable: true,
      message: expect.stringMatching(
        /^failed 5 times in a row .* by EngineCrashed: .*SIGSEGV, a crash of native code$/,
      ) as unknown,
    });
  });
});
