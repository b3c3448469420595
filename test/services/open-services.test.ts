/** Which processes a worker keeps. They are compiled code (dist/). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { engineServices } from '../../services/open-services.js';
import type { InferenceEngine, Learner, PolicyFiles } from '../../contracts/engine/engine.js';
import type { RunConfig } from '../../contracts/config/run-config.js';
import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';
import type { ShardedInferenceEngine } from '../../policy/processes/sharded-engine.js';
import type { LearnerGroup } from '../../policy/processes/learner-group.js';
import type { Verifier } from '../../tasks/verifier.js';
import { moduleHash } from '../../tasks/verifiers.js';
import type { VerifierPool } from '../../tasks/verifier-pool.js';
import { writeCheckpoint } from '../support/checkpoint.js';
import { withFolder } from '../support/temporal.js';

const settings = (slots: number): RunConfig['engine'] => ({ slots, chunk: 16, threads: 1 });
const pidOf = (engine: InferenceEngine) => (engine as InferenceEngine & Pick<ShardedInferenceEngine, 'pid'>).pid;
const pidsOf = (learner: Learner) => (learner as Learner & Pick<LearnerGroup, 'pids'>).pids;

async function withServices(
  work: (services: ReturnType<typeof engineServices>, policy: PolicyFiles, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const { configJson, weights } = await inspectCheckpoint(await writeCheckpoint(folder));
    const services = engineServices();
    await work(services, { id: 'policy', config: configJson, weights }, folder).finally(services.close);
  });
}

test('an engine that nobody uses ends when another one is opened, and starts again for who still holds it', async () => {
  await withServices(async ({ engine }, policy) => {
    const first = await engine(settings(8));
    await first.load(policy);
    expect(await engine(settings(8))).toBe(first);
    expect(pidOf(first)).toBeDefined();
    const second = await engine(settings(9));
    expect(pidOf(first)).toBeUndefined();
    await second.load(policy);
    const sequence = { tokens: Int32Array.of(1, 2, 3), promptLength: 1, temperature: 1 };
    expect(await first.score('policy', [sequence])).toEqual(await second.score('policy', [sequence]));
  });
});

test('an engine in use stays when another one is opened', async () => {
  await withServices(async ({ engine }, policy) => {
    const first = await engine(settings(8));
    const loading = first.load(policy);
    await engine(settings(9));
    await loading;
    expect(pidOf(first)).toBeDefined();
  });
});

test('a learner that nobody uses ends when another one is opened', async () => {
  await withServices(async ({ learner }, policy) => {
    const first = await learner(settings(8), 'onnx');
    await first.load({ policy });
    expect(await learner(settings(9), 'onnx')).toBe(first); // slots are not the learner's
    expect(pidsOf(first)).toHaveLength(1);
    await learner({ ...settings(8), threads: 2 }, 'onnx');
    expect(pidsOf(first)).toEqual([]);
  });
});

test("a verifier's module that was edited judges by its new content, and the old one's processes end", async () => {
  await withServices(async ({ verifier }, _, folder) => {
    const own = { name: join(folder, 'own.mjs'), secondsPerVerdict: 60, processes: 1 };
    const edited = async (reason: string) => {
      await writeFile(own.name, `export const verify = () => ({ reward: 1, reason: '${reason}' });`);
      return verifier(own, await moduleHash(own));
    };
    const judge = async (reason: string) => (await (await edited(reason)).verify({ groundTruth: '' }, '')).reason;
    const before = (await edited('before')) as Verifier & Pick<VerifierPool, 'pids'>;
    expect(await judge('before')).toBe('before');
    expect(before.pids).toHaveLength(1);
    expect(await judge('after')).toBe('after');
    expect(before.pids).toEqual([]);
  });
});
