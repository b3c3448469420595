import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { createActivities } from '../../activities/index.js';
import { durable } from '../../durability/durable.js';
import { writeArtifact } from '../../store/formats/artifacts.js';
import { fitsHistory } from '../../contracts/protocol/evaluation-size.js';
import { writeLine } from '../../services/run-folder.js';
import type { Services } from '../../services/services.js';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { PolicyArtifact } from '../../contracts/artifacts/policy-artifact.js';
import { getJson, putJson } from '../../store/json.js';
import { nullServices } from '../support/null-run.js';
import { withFolder } from '../support/temporal.js';
import { readFile } from 'node:fs/promises';

/** An activity that counts how often it really worked. */
function counted(): {
  run: (services: Services) => (input: object) => Promise<{ kept: ArtifactRef }>;
  count: () => number;
} {
  let count = 0;
  const run = durable('counted', async ({ store }, input: object) => {
    count += 1;
    return { kept: await putJson(store, 'tree', input) };
  });
  return { run, count: () => count };
}

it('the same input is worked on once, another one anew', async () => {
  await withFolder(async (folder) => {
    const { run, count } = counted();
    const activity = run(await nullServices(folder));
    const first = await activity({ a: 1, b: 2 });
    expect(await activity({ b: 2, a: 1 })).toEqual(first);
    expect(count()).toBe(1);
    await activity({ a: 2 });
    expect(count()).toBe(2);
  });
});

it('a result whose artifacts are gone is made again', async () => {
  await withFolder(async (folder) => {
    const { run, count } = counted();
    const services = await nullServices(folder);
    const { kept } = await run(services)({ a: 1 });
    await rm(await services.store.localPath(kept));
    await run(services)({ a: 1 });
    expect(count()).toBe(2);
    expect(await services.store.has(kept)).toBe(true);
  });
});

it('a policy whose weights were let go is made again', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    let count = 0;
    const activity = durable('made', async ({ store }, _: object) => {
      count += 1;
      const weights = [{ name: 'model.safetensors', ref: await store.put('weights', Buffer.from('weights')) }];
      return { policy: await putJson(store, 'policy', { schema: 1, files: {}, weights, optimizer: null }) };
    })(services);
    const { policy } = await activity({});
    expect(await activity({})).toEqual({ policy });
    expect(count).toBe(1);
    const { weights } = await getJson<PolicyArtifact>(services.store, policy);
    await rm(await services.store.localPath(weights[0].ref));
    await activity({});
    expect(count).toBe(2);
  });
});

it('refuses a result too large for a history', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const activities = createActivities(services, 'control');
    const problems = await putJson(services.store, 'problems', { problems: [] });
    const empty = { problems, count: 0, samplesPerProblem: 1, skippedPrompts: 0, shards: [] };
    const sets = Array.from({ length: 60 }, (_, i) => ({ set: `set number ${i}`, ...empty }));
    const manifest = await putJson(services.store, 'manifest', { config: { seed: 0 } });
    const input = { manifest, run: 'r', policyVersion: 0, sets, policy: { sha256: '', bytes: 0, kind: 'policy' } };
    const recorded = new MockActivityEnvironment().run(activities.recordEvaluation, input);
    await expect(recorded).rejects.toMatchObject({ name: 'ResultTooLarge' });
  });
});

it('takes as many sets, with names as long, as a history has room for', async () => {
  await withFolder(async (folder) => {
    const { store, ...services } = await nullServices(folder);
    const named = (length: number): string[] => Array.from({ length: 16 }, (_, i) => `${i}`.padStart(length, 'ä'));
    let length = 2;
    while (fitsHistory(named(length + 1))) length += 1;
    expect(length).toBeGreaterThan(9);
    const problem = (index: number) => ({ index, prompt: [1], groundTruth: '1' });
    const problems = await putJson(store, 'problems', { problems: [0, 1, 2].map(problem) });
    const rollout = { response: 0, branch: 0, at: 0, finished: true, logProbs: new Float32Array(1) };
    const tokens = (i: number): Int32Array => new Int32Array(1000 * i + 1);
    const rollouts = await writeArtifact(
      store,
      'tokens',
      [0, 1, 2].map((i) => ({ ...rollout, problem: i, tokens: tokens(i) })),
    );
    const verdicts = await putJson(store, 'verdicts', { verdicts: [1, 0, 0].map((reward) => ({ reward })) });
    const drawn = { problems, count: 3, samplesPerProblem: 1, skippedPrompts: 100_000 };
    const sets = named(length).map((set) => ({ set, ...drawn, shards: [{ rollouts, verdicts }] }));
    const manifest = await putJson(store, 'manifest', { config: { seed: 0 } });
    const input = { manifest, run: 'r', policyVersion: 9, sets, policy: { sha256: '', bytes: 0, kind: 'policy' } };
    const { recordEvaluation } = createActivities({ store, ...services }, 'control');
    const recorded = await new MockActivityEnvironment().run(recordEvaluation, input);
    expect(recorded).toMatchObject({ sets: sets.map(({ set }) => ({ set, accuracy: 0.333333 })) });
  });
});

it('writes each line of a run once, also when it goes back to an earlier iteration', async () => {
  await withFolder(async (folder) => {
    const services = await nullServices(folder);
    const write = (number: number, note: string) => writeLine(services, 'a/b', 'x.jsonl', { number, value: { note } });
    for (const number of [0, 1, 1, 2]) await write(number, 'first');
    await write(1, 'again');
    const lines = (await readFile(join(folder, 'runs', 'a%2Fb', 'x.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { number: 0, note: 'first' },
      { number: 1, note: 'again' },
    ]);
  });
});
