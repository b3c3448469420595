import { CancelledFailure } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { createActivities } from '../../activities/index.js';
import type { Services } from '../../services/services.js';
import type { Drawn, Generated, Prepared } from '../../contracts/protocol/activities.js';
import { GenerationInterrupted } from '../../contracts/errors/engine-errors.js';
import type { GenerateOptions, InferenceEngine } from '../../contracts/engine/engine.js';
import { FIRST_PROBLEM } from '../../algorithm/data-order.js';
import { nullServices, smallForm } from '../support/null-run.js';
import { withFolder } from '../support/temporal.js';

/** Prepares a run and draws its first problems. */
async function generateInput(services: Services) {
  const control = createActivities(services, 'control');
  const run = (name: string, input: object) => new MockActivityEnvironment().run(control[name], input);
  const { manifest, policy } = (await run('prepare', { form: await smallForm({}) })) as Prepared;
  const drawn = (await run('drawProblems', { manifest, iteration: 0, cursor: FIRST_PROBLEM, count: 4 })) as Drawn;
  return { manifest, policy, problems: drawn.problems, iteration: 0, shard: { index: 0, count: 1 } };
}

/** Goes on until it is told to stop, as an engine in a long generation. */
function endless(engine: InferenceEngine): InferenceEngine {
  return {
    load: (policy) => engine.load(policy),
    score: (id, requests) => engine.score(id, requests),
    close: () => engine.close(),
    generate: (_, requests, { signal, onProgress }: GenerateOptions = {}) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new GenerationInterrupted([])));
        void onProgress?.({ done: 1, total: requests.length, tokens: 7 });
      }),
  };
}

it('stops the engine when it is cancelled, and ends as cancelled', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const input = await generateInput(services);
    const engine = endless(await services.engine({ slots: 1, chunk: 16, threads: 0 }));
    const { generate } = createActivities({ ...services, engine: () => Promise.resolve(engine) }, 'rollout');

    const environment = new MockActivityEnvironment();
    const beats: unknown[] = [];
    environment.on('heartbeat', (details: unknown) => {
      beats.push(details);
      if ((details as { done: number }).done === 1) environment.cancel('CANCELLED');
    });
    await expect(environment.run(generate, input)).rejects.toBeInstanceOf(CancelledFailure);
    expect(beats).toContainEqual(expect.objectContaining({ doing: 'generate', done: 1, total: 16, tokens: 7 }));
  });
});

it('an error of the engine stays that error', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const input = await generateInput(services);
    const { generate } = createActivities(
      { ...services, engine: () => Promise.reject(new Error('no engine')) },
      'rollout',
    );
    await expect(new MockActivityEnvironment().run(generate, input)).rejects.toThrow('no engine');
  });
});

it('asks the engine nothing it has answered before', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const input = await generateInput(services);
    const { generate } = createActivities(services, 'rollout');
    const first = await new MockActivityEnvironment().run(generate, input);
    const { generate: again } = createActivities(
      { ...services, engine: () => Promise.reject(new Error('no engine')) },
      'rollout',
    );
    expect(await new MockActivityEnvironment().run(again, input)).toEqual(first);
    expect((first as Generated).count).toBe(16);
  });
});
