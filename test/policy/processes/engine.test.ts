import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeRolloutProgress, joinRolloutProgress } from '../../../store/formats/rollout-progress.js';
import type { Growth, PolicyFiles, RolloutRequest } from '../../../contracts/engine/engine.js';
import { EngineCrashed, GenerationInterrupted, PolicyNotLoaded } from '../../../contracts/errors/engine-errors.js';
import { initialWeights } from '../../../policy/model/checkpoint/initialise.js';
import { openInferenceEngine as open } from '../../../policy/processes/open.js';
import type { EngineSettings } from '../../../policy/processes/settings.js';
import { LIMITS } from '../../../policy/limits.js';
import { parseModelConfig } from '../../../policy/model/checkpoint/model-config.js';
import { writeSafetensors } from '../../../store/safetensors/file.js';
import { EVERYTHING_IS_LARGE } from '../../support/large-limits.js';

const small = {
  model_type: 'qwen2',
  vocab_size: 32,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
};

/** A model, and by which limits it is handled. */
const WAYS = {
  '': { configJson: small, limits: LIMITS },
  ' where everything is large': {
    // Wide enough for the same bits in every company.
    configJson: { ...small, vocab_size: 600, hidden_size: 512, intermediate_size: 512, num_hidden_layers: 1 },
    limits: EVERYTHING_IS_LARGE,
  },
};

function request(problem: number, maxNewTokens: number): RolloutRequest {
  return {
    prefix: Int32Array.of(1, 2, 3 + problem),
    uniforms: { kind: 'counter', key: { runSeed: 1, iteration: 0, problem, response: 0, branch: 0 } },
    maxNewTokens,
    temperature: 1,
    stopIds: [],
  };
}

const STEPS = Array.from({ length: 10 }, (_, i) => [15 * i, 15 * (i + 1)] as const);

describe.each(Object.entries(WAYS))('the engine as a process%s', (__, { configJson, limits }) => {
  const openInferenceEngine = (settings: Partial<EngineSettings>) => open({ ...settings, limits });
  const engine = openInferenceEngine({ slots: 8, threads: 1 });
  let folder: string;
  let policy: PolicyFiles;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'attnrl-'));
    const parsed = parseModelConfig(configJson);
    if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
    const path = join(folder, 'model.safetensors');
    await writeSafetensors(path, initialWeights(parsed.config, 1));
    policy = { id: 'random', config: configJson, weights: [path] };
    await engine.load(policy);
  });
  afterAll(async () => {
    await engine.close();
    await rm(folder, { recursive: true });
  });

  it('is opened by a program that is an argument of node', async () => {
    const module = new URL('../../../dist/policy/processes/open.js', import.meta.url).href;
    const program = `const engine = (await import('${module}')).openInferenceEngine({ slots: 8, threads: 1 });
      await engine.load(${JSON.stringify(policy)});
      await engine.close();`;
    await expect(promisify(execFile)('node', ['--eval', `(async () => { ${program} })()`])).resolves.toMatchObject({
      stderr: '',
    });
  });

  it('is known to be silent from the second question on, and to answer again', async () => {
    await engine.load(policy);
    process.kill(engine.pid!, 'SIGSTOP');
    try {
      engine.silence();
      await vi.waitUntil(() => engine.silence()! > 500, { timeout: 10_000 });
    } finally {
      process.kill(engine.pid!, 'SIGCONT');
    }
    await vi.waitUntil(() => engine.silence()! < 100, { timeout: 10_000 });
  });

  it('owes no answer before its process runs', () => {
    expect(openInferenceEngine({}).silence()).toBeUndefined();
  });

  it('reports progress in the context of the call, also when another call started the process', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen = new Set<string | undefined>();
    const calls = ['first', 'second'].map((name, i) =>
      context.run(name, () =>
        engine.generate('random', [request(i, 40)], {
          onProgress: () => void seen.add(`${name} in ${context.getStore()}`),
        }),
      ),
    );
    await Promise.all(calls);
    expect([...seen].sort()).toEqual(['first in first', 'second in second']);
  });

  it('begins no chunk before the one before is saved', async () => {
    const trace = join(folder, 'trace.jsonl');
    vi.stubEnv('ATTNRL_TRACE', trace);
    const traced = openInferenceEngine({ slots: 8, threads: 1 });
    try {
      await traced.load(policy);
      let reports = 0;
      const onProgress = async (): Promise<void> => {
        reports += 1;
        // It answers between chunks: if it were free to begin another one, it would have by the second answer.
        for (let i = 0; i < 2; i++) await traced.load(policy);
        expect((await readFile(trace, 'utf8')).trim().split('\n')).toHaveLength(reports);
      };
      await traced.generate('random', [request(0, 128)], { onProgress });
      expect(reports).toBeGreaterThan(2);
    } finally {
      vi.unstubAllEnvs();
      await traced.close();
    }
  });

  it('gives what exists when it is interrupted, and goes on from there with the same tokens', async () => {
    const [whole] = await engine.generate('random', [request(0, 600)]);
    const controller = new AbortController();
    const stopped = engine.generate('random', [request(0, 600)], {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    const error = await stopped.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(GenerationInterrupted);
    const [partial] = (error as GenerationInterrupted).rollouts;
    expect(partial.tokens.length).toBeGreaterThan(0);
    expect(partial.tokens.length).toBeLessThan(600);
    const [continued] = await engine.generate('random', [{ ...request(0, 600), generated: partial.tokens }]);
    expect(continued.tokens).toEqual(whole.tokens);
  });

  it('makes the same rollouts in several processes, and goes on from an interruption of all of them', async () => {
    const several = openInferenceEngine({ slots: 8, threads: 2 });
    try {
      await several.load(policy);
      const requests = Array.from({ length: 12 }, (_, i) => request(i, 150));
      const whole = await engine.generate('random', requests);
      expect(await several.generate('random', requests)).toEqual(whole);
      const sequences = whole.map(({ tokens }) => ({ tokens, promptLength: 2, temperature: 1, stepRanges: STEPS }));
      expect(await several.score('random', sequences)).toEqual(await engine.score('random', sequences));
      const controller = new AbortController();
      const stopped = several.generate('random', requests, {
        signal: controller.signal,
        onProgress: ({ total }) => {
          expect(total).toBe(requests.length);
          controller.abort();
        },
      });
      const error: unknown = await stopped.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(GenerationInterrupted);
      const { rollouts } = error as GenerationInterrupted;
      const rest = requests.map((one, i) => ({ ...one, generated: rollouts[i].tokens }));
      const continued = await several.generate('random', rest);
      expect(continued.map(({ tokens }) => tokens)).toEqual(whole.map(({ tokens }) => tokens));
    } finally {
      await several.close();
    }
  });

  it.each([1, 2])(
    'tells after every chunk what each rollout got, as fast as it is taken in (%d processes)',
    async (threads) => {
      const several = openInferenceEngine({ slots: 8, threads });
      try {
        await several.load(policy);
        const requests = Array.from({ length: 9 }, (_, i) => request(i, 30 + 7 * i));
        const whole = await several.generate('random', requests);
        const half = requests.map((one, i) => ({ ...one, generated: whole[i].tokens.subarray(0, i) }));
        const records: Buffer[] = [];
        let taking = 0;
        await several.generate('random', half, {
          onProgress: async ({ grown = [] }) => {
            expect(++taking).toBeLessThanOrEqual(threads);
            records.push(Buffer.from(encodeRolloutProgress(grown)));
            await new Promise((resolve) => setImmediate(resolve));
            taking -= 1;
          },
        });
        // What was given is not told again.
        const given = half.map(({ generated }, at): Growth => {
          const logProbs = whole[at].logProbs.subarray(0, generated.length);
          return { request: at, from: 0, tokens: generated, logProbs, finished: false, ended: false };
        });
        const joined = joinRolloutProgress([Buffer.from(encodeRolloutProgress(given)), ...records], requests.length);
        expect(joined).toEqual(whole.map((rollout) => ({ ...rollout, ended: true })));
      } finally {
        await several.close();
      }
    },
  );

  it('uses a policy that it has let go since it was loaded, also in a process of its own', async () => {
    const whole = await engine.generate('random', [request(0, 40)]);
    const sequence = { tokens: whole[0].tokens, promptLength: 2, temperature: 1, stepRanges: STEPS.slice(0, 1) };
    const scores = await engine.score('random', [sequence]);
    const loadOthers = async (): Promise<void> => {
      for (const id of ['second', 'third', 'fourth']) await engine.load({ ...policy, id });
    };
    await loadOthers();
    expect(await engine.generate('random', [request(0, 40)])).toEqual(whole);
    await loadOthers();
    expect(await engine.score('random', [sequence])).toEqual(scores);
    await engine.close();
    expect(await engine.generate('random', [request(0, 40)])).toEqual(whole);
  });

  it('names a policy that it does not have', async () => {
    await expect(engine.generate('other', [request(0, 1)])).rejects.toBeInstanceOf(PolicyNotLoaded);
  });

  it('fails what was under way when a step does, says where, and goes on with the others', async () => {
    await engine.load(policy);
    const { pid } = engine;
    const [whole] = await engine.generate('random', [request(0, 40)]);
    const outside = { ...request(1, 40), prefix: Int32Array.of(1, configJson.vocab_size) };
    await expect(engine.generate('random', [outside])).rejects.toThrow(
      /indices element out of data bounds[^]*, at decodeChunk \(policy\/onnx\/generate\/decode\.ts:\d+\)$/,
    );
    expect((await engine.generate('random', [request(0, 40)]))[0]).toEqual(whole);
    expect(engine.pid).toBe(pid);
  });

  it('rejects calls under way when it is killed, and starts again on the next', async () => {
    const killed = engine.generate('random', [request(0, 4000)], {
      onProgress: () => {
        if (engine.pid !== undefined) process.kill(engine.pid, 'SIGKILL');
      },
    });
    await expect(killed).rejects.toBeInstanceOf(EngineCrashed);
    await engine.load(policy);
    const [again] = await engine.generate('random', [request(0, 8)]);
    expect(again.tokens).toHaveLength(8);
  });
});
