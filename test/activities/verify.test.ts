/** Verdicts that take long: the worker gives signs of life, and none is asked for twice. */
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { FIRST_PROBLEM } from '../../algorithm/data-order.js';
import type { Progress } from '../../durability/progress.js';
import { createActivities } from '../../activities/index.js';
import type { Drawn, Generated, Prepared, Verified } from '../../contracts/protocol/activities.js';
import type { Verdict } from '../../contracts/artifacts/verdict.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { withFolder } from '../support/temporal.js';

const RIGHT: Verdict = { reward: 1, reason: 'correct' };
const NEVER = new Promise<never>(() => undefined);

interface Attempt {
  readonly environment: MockActivityEnvironment;
  readonly beats: Progress[];
  /** Ends with its result, or with what went wrong. */
  readonly ended: Promise<unknown>;
}

/** @param work gets what begins an attempt to judge 16 responses with a verifier */
function scene(work: (attempt: (verdict: () => Promise<Verdict>) => Attempt) => Promise<void>): Promise<void> {
  return withFolder(async (folder) => {
    const services = await nullServices(folder);
    const run = (role: 'control' | 'rollout', name: string, input: object): Promise<unknown> =>
      new MockActivityEnvironment().run(createActivities(services, role)[name], input);
    const { manifest, policy } = (await run('control', 'prepare', { form: await smallForm({}) })) as Prepared;
    const draw = { manifest, iteration: 0, cursor: FIRST_PROBLEM, count: 4 };
    const { problems } = (await run('control', 'drawProblems', draw)) as Drawn;
    const shard = { index: 0, count: 1 };
    const { rollouts } = (await run('rollout', 'generate', {
      ...{ manifest, policy, problems, iteration: 0, shard },
    })) as Generated;
    await work((verify) => {
      const verifier = () => ({ verify, busy: true, close: () => Promise.resolve() });
      const { verify: activity } = createActivities({ ...services, verifier }, 'verifier');
      const environment = new MockActivityEnvironment();
      const beats: Progress[] = [];
      environment.on('heartbeat', (beat: Progress) => beats.push(beat));
      const input = { manifest, problems, responses: rollouts, branches: null };
      const ended: Promise<unknown> = environment.run(activity, input);
      return { environment, beats, ended: ended.catch((error: unknown) => error) };
    });
  });
}

/** Answers so often, then never. */
function answering(times: number): { verdict: () => Promise<Verdict>; asked: () => number } {
  let asked = 0;
  return { verdict: () => (asked++ < times ? Promise.resolve(RIGHT) : NEVER), asked: () => asked };
}

afterEach(() => vi.useRealTimers());

it('gives signs of life while a verdict is awaited, and stops in the middle of it when it is told to', async () => {
  await scene(async (attempt) => {
    const { environment, beats, ended } = attempt(answering(3).verdict);
    const waiting = { doing: 'verify', done: 3, total: 16 };
    await expect.poll(() => beats.slice(-2), { timeout: 10_000 }).toEqual([waiting, waiting]);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    environment.cancel('WORKER_SHUTDOWN');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await ended).toBeInstanceOf(ApplicationFailure);
  });
});

it('goes on behind the verdicts of the attempt before', async () => {
  await scene(async (attempt) => {
    const failing = answering(16);
    const first = attempt(() => (failing.asked() < 3 ? failing.verdict() : Promise.reject(new Error('lost'))));
    expect(await first.ended).toMatchObject({ message: 'lost' });
    const rest = answering(16);
    expect((await attempt(rest.verdict).ended) as Verified).toMatchObject({ count: 16, correct: 16 });
    expect(rest.asked()).toBe(13);
  });
});
