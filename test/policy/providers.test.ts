import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PolicyFiles, Rollout, Score } from '../../contracts/engine/engine.js';
import { initialWeights } from '../../policy/model/checkpoint/initialise.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { Generator, type GeneratorSettings } from '../../policy/onnx/generate/generator.js';
import { openInferenceEngine, openLearner } from '../../policy/processes/open.js';
import { CHROMIUM_MISSING, findSwiftShader } from '../../scripts/chromium.mjs';
import { writeSafetensors } from '../../store/safetensors/file.js';
import { chain, loss, optimizer } from './training/rows.js';
import { randomWeights, smallConfig } from './random-model.js';

const configJson = {
  model_type: 'qwen2',
  vocab_size: 32,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 1024,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
};

/** Tokens of two rollouts from a prefix longer than a chunk, 24 new ones each. */
async function rollouts(settings: Partial<GeneratorSettings>): Promise<Rollout[]> {
  const generator = await Generator.open(smallConfig, randomWeights(smallConfig), {
    slots: 4,
    chunk: 16,
    threads: 1,
    ...settings,
  });
  const submitted = [0, 1].map((response) =>
    generator.submit({
      prefix: Int32Array.from({ length: 20 }, (_, t) => (7 * t + response) % smallConfig.vocabSize),
      uniforms: { kind: 'counter', key: { runSeed: 1, iteration: 2, problem: 3, response, branch: 0 } },
      maxNewTokens: 24,
      temperature: 0.8,
      stopIds: [],
    }),
  );
  while (!generator.idle) await generator.step();
  await generator.close();
  return Promise.all(submitted.map(({ rollout }) => rollout));
}

describe('webgpu, on a driver that computes on the CPU', () => {
  const environment = { ...process.env };
  let folder: string;
  let policy: PolicyFiles;

  beforeAll(async () => {
    const driver = findSwiftShader();
    if (!driver) throw new Error(CHROMIUM_MISSING);
    Object.assign(process.env, driver); // engines are processes of their own and inherit it
    folder = await mkdtemp(join(tmpdir(), 'attnrl-'));
    const parsed = parseModelConfig(configJson);
    if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
    const path = join(folder, 'model.safetensors');
    const tensors = Object.entries(initialWeights(parsed.config, 1)).map(([name, { shape, data }]) => {
      return [name, { shape, data: shape.length === 1 ? data : data.map((x) => 10 * x) }];
    });
    await writeSafetensors(path, Object.fromEntries(tensors) as ReturnType<typeof initialWeights>);
    policy = { id: 'random', config: configJson, weights: [path] };
  });
  afterAll(async () => {
    process.env = environment;
    await rm(folder, { recursive: true });
  });

  async function inference(provider: 'cpu' | 'webgpu'): Promise<{ rollouts: Rollout[]; scores: Score[] }> {
    const engine = openInferenceEngine({ slots: 4, threads: 1, provider });
    await engine.load(policy);
    const requests = [0, 1, 2].map((problem) => ({
      prefix: Int32Array.from({ length: 5 + 9 * problem }, (_, t) => (t * t + problem) % configJson.vocab_size),
      uniforms: { kind: 'counter' as const, key: { runSeed: 1, iteration: 0, problem, response: 0, branch: 0 } },
      maxNewTokens: 40,
      temperature: 1,
      stopIds: [3],
    }));
    const found = await engine.generate('random', requests);
    const tokens = Int32Array.from({ length: 90 }, (_, t) => (3 * t + t * t) % configJson.vocab_size);
    const stepRanges = [10, 20, 30, 40, 50, 60, 75, 90].map((end, k, ends) => [ends[k - 1] ?? 0, end] as const);
    const scores = await engine.score('random', [{ tokens, promptLength: 10, temperature: 0.9, stepRanges }]);
    await engine.close();
    return { rollouts: found, scores };
  }

  it('generates and scores what the CPU does', async () => {
    const [expected, found] = [await inference('cpu'), await inference('webgpu')];
    expected.rollouts.forEach(({ tokens, logProbs, finished }, i) => {
      expect([...found.rollouts[i].tokens]).toEqual([...tokens]);
      expect(found.rollouts[i].finished).toBe(finished);
      expect(found.rollouts[i].logProbs).toBeAllclose(logProbs, { rtol: 1e-3, atol: 1e-3 });
    });
    const [score] = expected.scores;
    expect(score.fci.some((value) => value > 0)).toBe(true);
    for (const field of ['logProbs', 'entropies', 'fci'] as const) {
      expect(found.scores[0][field]).toBeAllclose(score[field], { rtol: 1e-3, atol: 1e-3 });
    }
  });

  it('learns what the CPU does', async () => {
    const rows = [60, 25].map((length, seed) => chain(seed, length, configJson.vocab_size));
    const results = [];
    for (const provider of ['cpu', 'webgpu'] as const) {
      const learner = openLearner({ threads: 1, provider });
      await learner.load({ policy });
      const metrics = await learner.update(rows, { ...loss, klWeight: 0 }, optimizer, 1024);
      results.push([metrics, await learner.lastGradNorms()]);
      await learner.close();
    }
    for (const [k, expected] of results[0].entries()) {
      expect(Object.values(results[1][k])).toBeAllclose(Object.values(expected), { rtol: 1e-3, atol: 1e-5 });
    }
  }, 300_000);

  it('leaves to the CPU, in the decode graph, what docs/providers.md says', async () => {
    const profile = join(folder, 'profile');
    const dist = new URL('../../dist/', import.meta.url).href;
    const script = `
      const { Generator } = await import('${dist}policy/onnx/generate/generator.js');
      const { parseModelConfig } = await import('${dist}policy/model/checkpoint/model-config.js');
      const { loadWeights } = await import('${dist}policy/model/checkpoint/load.js');
      const { config, weights } = await loadWeights(${JSON.stringify(policy)});
      const settings = { slots: 2, chunk: 16, threads: 1, provider: 'webgpu', profile: ${JSON.stringify(profile)} };
      const generator = await Generator.open(config, weights, settings);
      const uniforms = { kind: 'given', values: Array(20).fill(0.5) };
      generator.submit({ prefix: Int32Array.of(1), uniforms, maxNewTokens: 20, temperature: 1, stopIds: [] });
      while (!generator.idle) await generator.step();
      await generator.close();`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const onCpu = new Set<string>();
    let nodes = 0;
    for (const name of (await readdir(folder)).filter((file) => file.startsWith('profile'))) {
      for (const event of JSON.parse(await readFile(join(folder, name), 'utf8')) as ProfileEvent[]) {
        if (event.args?.provider === undefined || event.args.op_name === undefined) continue;
        nodes++;
        if (event.args.provider === 'CPUExecutionProvider') onCpu.add(event.args.op_name);
      }
    }
    expect(nodes).toBeGreaterThan(500);
    const page = await readFile(new URL('../../docs/providers.md', import.meta.url), 'utf8');
    const listed = /^(`\w+` ?)+$/m.exec(page)![0].replaceAll('`', '').trim().split(' ');
    expect([...onCpu].sort()).toEqual(listed);
  });
});

interface ProfileEvent {
  readonly args?: { readonly provider?: string; readonly op_name?: string };
}

it.skipIf(existsSync('/dev/nvidia0'))('a device that is not there is named, with what to do', async () => {
  await expect(rollouts({ provider: 'cuda' })).rejects.toMatchObject({
    name: 'ProviderUnavailable',
    message: expect.stringMatching(/cuda \(engine.provider\).*npm run setup:gpu/) as string,
  });
});

describe('weights in half precision', () => {
  it('change log-probs by no more than their rounding, and the tokens of a fixed seed seldom', async () => {
    const [whole, half] = [await rollouts({}), await rollouts({ weights: 'fp16' })];
    const first = whole[0].logProbs.slice(0, 8);
    expect(half[0].logProbs.slice(0, 8)).not.toEqual(first);
    expect(half[0].logProbs.slice(0, 8)).toBeAllclose(first, { atol: 0.02 });
    expect([...half[0].tokens.slice(0, 8)]).toEqual([...whole[0].tokens.slice(0, 8)]);
  });
});
