import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPolicy } from '../../services/export-policy.js';
import { putJson } from '../../store/formats/io.js';
import type { ArtifactKind, ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { PolicyArtifact } from '../../contracts/artifacts/policy-artifact.js';
import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';
import { loadWeights } from '../../policy/model/checkpoint/load.js';
import { OnnxLearner } from '../../policy/onnx/learn/onnx-learner.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { hasPeers, runFamilies, SKIPPED_WITHOUT_PEERS } from '../support/peers.js';
import { farthest, type Family, openFamily, rowOf, scored, TOLERANCE } from '../support/family.js';

const MODELS = fileURLToPath(new URL('../fixtures/models/', import.meta.url));
const FAMILIES = ['qwen2-distill', 'qwen2.5', 'qwen3', 'llama3', 'llama-linear'];

let folder: string;
let store: LocalArtifactStore;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attnrl-export-'));
  store = await LocalArtifactStore.open(join(folder, 'store'));
});
afterAll(() => rm(folder, { recursive: true }));

async function put<Kind extends ArtifactKind>(
  kind: Kind,
  directory: string,
  names: readonly string[],
): Promise<Record<string, ArtifactRef<Kind>>> {
  const refs: Record<string, ArtifactRef<Kind>> = {};
  for (const name of names) refs[name] = await store.put(kind, join(directory, name));
  return refs;
}

/** A policy after one step of learning, as `update` keeps it. */
async function trained(family: Family, directory: string): Promise<ArtifactRef<'policy'>> {
  const learner = new OnnxLearner({ threads: 1 });
  await learner.start(family.config, family.loaded);
  const { sequences, promptLength } = family.expected;
  const optimizer = { learningRate: 1e-2, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, maxGradNorm: 1 } as const;
  await learner.supervise(
    sequences.map((tokens) => rowOf(tokens, promptLength)),
    optimizer,
    1 << 20,
  );
  const [weights, state] = [join(folder, 'model.safetensors'), join(folder, 'optimizer.safetensors')];
  await learner.save(weights, state);
  await learner.close();
  const policy: PolicyArtifact = {
    schema: 1,
    files: await put('model-file', directory, ['config.json', 'generation_config.json']),
    weights: [{ name: 'model.safetensors', ref: await store.put('weights', weights) }],
    optimizer: await store.put('optimizer', state),
  };
  return putJson(store, 'policy', policy);
}

const exported = (name: string): string => join(folder, 'exported', name);

describe.each(FAMILIES)('an export of %s', (name) => {
  const directory = join(MODELS, name);

  it('of the base model is the same files', async () => {
    const names = (await readdir(directory)).filter((file) => file !== 'expected.json');
    const isWeights = (file: string): boolean => file.endsWith('.safetensors');
    const weights = Object.entries(await put('weights', directory, names.filter(isWeights)));
    const policy: PolicyArtifact = {
      schema: 1,
      files: await put(
        'model-file',
        directory,
        names.filter((file) => !isWeights(file)),
      ),
      weights: weights.map(([file, ref]) => ({ name: file, ref })),
      optimizer: null,
    };
    await exportPolicy(store, await putJson(store, 'policy', policy), exported(name));
    expect((await readdir(exported(name))).sort()).toEqual(names.sort());
    for (const file of names) {
      expect(await readFile(join(exported(name), file))).toEqual(await readFile(join(directory, file)));
    }
  });

  it('of a trained policy is a checkpoint of the same model, in fp32', async () => {
    const family = await openFamily(directory);
    await exportPolicy(store, await trained(family, directory), exported(name));
    const { config, configJson } = await inspectCheckpoint(exported(name));
    expect(config).toEqual(family.config);
    const { dtype, torch_dtype, ...rest } = configJson as Record<string, unknown>;
    expect(dtype ?? torch_dtype).toBe('float32');
    expect(family.configJson).toMatchObject(rest);
  });
});

it('written by several at once is whole; drafts of those that were killed are removed, and nothing else', async () => {
  const directory = join(MODELS, FAMILIES[0]);
  const names = ['config.json', 'generation_config.json'];
  const policy: PolicyArtifact = {
    schema: 1,
    files: await put('model-file', directory, names),
    weights: [],
    optimizer: null,
  };
  const ref = await putJson(store, 'policy', policy);
  const parent = join(folder, 'shared');
  const [old, young] = [`model.${randomUUID()}.tmp`, `model.${randomUUID()}.tmp`];
  const others = ['model.old.tmp', `model-2.${randomUUID()}.tmp`];
  for (const name of [old, young, 'model', ...others]) await mkdir(join(parent, name), { recursive: true });
  for (const name of [old, ...others]) await utimes(join(parent, name), 0, 0);
  await Promise.all([1, 2, 3, 4].map(() => exportPolicy(store, ref, join(parent, 'model'))));
  expect((await readdir(join(parent, 'model'))).sort()).toEqual(names);
  expect((await readdir(parent)).sort()).toEqual([young, 'model', ...others].sort());
  await utimes(join(parent, young), 0, new Date(new Date().getTime() - 1000));
  await exportPolicy(store, ref, join(parent, 'model'), { abandonedMs: 0 });
  expect((await readdir(parent)).sort()).toEqual(['model', ...others].sort());
});

it.skipIf(!hasPeers)(`trained policies have the same log-probs in transformers ${SKIPPED_WITHOUT_PEERS}`, async () => {
  const families = await Promise.all(FAMILIES.map((name) => openFamily(join(MODELS, name))));
  const asked = FAMILIES.map((name, i) => [exported(name), families[i].expected.sequences] as const);
  const printed = await runFamilies(['score'], Object.fromEntries(asked));
  const theirs = JSON.parse(printed) as Record<string, readonly (readonly number[])[]>; // of all tokens but the first
  for (const [i, [directory, sequences]] of asked.entries()) {
    const { config, configJson, weights } = await inspectCheckpoint(directory);
    const { weights: loaded } = await loadWeights({ id: directory, config: configJson, weights });
    const ours = await scored({ config, loaded }, sequences, 1);
    expect(farthest(ours, theirs[directory]), directory).toBeLessThan(TOLERANCE);
    // Else the learner's step would not have been seen.
    const { promptLength, logProbs } = families[i].expected;
    const behindPrompt = ours.map((row) => row.subarray(promptLength - 1));
    expect(farthest(behindPrompt, logProbs), directory).toBeGreaterThan(10 * TOLERANCE);
  }
});
