import { describe, expect, it } from 'vitest';
import type { Rollout, Score, ScoreRequest } from '../../contracts/engine/engine.js';
import { Generator } from '../../policy/onnx/generate/generator.js';
import type { ModelConfig } from '../../policy/model/config.js';
import { hasLargeVocabulary, hasLargeWeights } from '../../policy/model/large.js';
import { type Weights } from '../../policy/model/parameters.js';
import { parameterCount } from '../../policy/model/parameter-list.js';
import { scoreBatch } from '../../policy/onnx/score/batch.js';
import { PiecewisePass } from '../../policy/onnx/score/piecewise-pass.js';
import { Scorer } from '../../policy/onnx/score/scorer.js';
import { WholePass } from '../../policy/onnx/score/whole-pass.js';
import { LIMITS } from '../../policy/limits.js';
import { EVERYTHING_IS_LARGE } from '../support/large-limits.js';
import { cachedWeights, smallConfig, wideConfig as wide } from './random-model.js';

const untied: ModelConfig = { ...wide, tiedHead: false };
/** The same, handled in one way and the other. */
const PAIRS = [wide, untied].map((config) => [config, { ...config, limits: EVERYTHING_IS_LARGE.model }] as const);
/** Not even for generation. */
const neverPacked = { ...wide, limits: { ...EVERYTHING_IS_LARGE.model, packedOnceParameters: 0 } };

const weightsOf = (config: ModelConfig): Weights => cachedWeights(config, 1, 3);

async function generate(config: ModelConfig, problems: readonly number[], threads = 2): Promise<Rollout[]> {
  const generator = await Generator.open(config, weightsOf(config), { slots: 8, chunk: 16, threads });
  const submitted = problems.map((problem) =>
    generator.submit({
      prefix: Int32Array.from({ length: 3 + 11 * problem }, (_, t) => (t * t + 5 * problem) % config.vocabSize),
      uniforms: { kind: 'counter', key: { runSeed: 1, iteration: 0, problem, response: 0, branch: 0 } },
      maxNewTokens: 40,
      temperature: 0.9,
      stopIds: [],
    }),
  );
  while (!generator.idle) await generator.step();
  await generator.close();
  return Promise.all(submitted.map(({ rollout }) => rollout));
}

async function score(config: ModelConfig, requests: readonly ScoreRequest[], threads = 2): Promise<Score[]> {
  const scorer = new Scorer(config, weightsOf(config), { threads });
  const scores = await scorer.score(requests, () => Promise.resolve());
  await scorer.close();
  return scores;
}

const alone = [200, 90].map((length, i): ScoreRequest => {
  const ends = Array.from({ length: 8 }, (_, k) => 10 + Math.round(((length - 10) * k) / 7));
  return {
    tokens: Int32Array.from({ length }, (_, t) => (7 * t + i * t * t) % wide.vocabSize),
    promptLength: 10,
    temperature: 0.8,
    stepRanges: ends.map((end, k) => [ends[k - 1] ?? 0, end] as const),
  };
});

/** Four blocks of queries. */
const [long] = alone;
const sibling = { ...long, tokens: long.tokens.map((token, t) => (t < 100 ? token : (token + 1) % wide.vocabSize)) };
const requests = [...alone, sibling];

const bitsOf = (rows: readonly object[]): string[] =>
  rows.map((row) =>
    Object.values(row)
      .map((x: unknown) => (x instanceof Object ? Object.values(x).join() : String(x)))
      .join(' '),
  );

it('a model is large by its parameters or its vocabulary, from the limits on that are given', () => {
  const half = { ...smallConfig, vocabSize: 151_936, hiddenSize: 896, intermediateSize: 4864, layers: 24 };
  const qwen: ModelConfig = { ...half, heads: 14, kvHeads: 2, headSize: 64 };
  expect(parameterCount(qwen)).toBe(494_032_768);
  const both = (config: ModelConfig): boolean[] => [hasLargeWeights(config), hasLargeVocabulary(config)];
  expect(both(qwen)).toEqual([true, true]);
  expect(both({ ...smallConfig, vocabSize: 32_000 })).toEqual([false, true]);
  expect(both(smallConfig)).toEqual([false, false]);
  expect(both({ ...smallConfig, limits: EVERYTHING_IS_LARGE.model })).toEqual([true, true]);
  expect(both({ ...smallConfig, limits: { ...LIMITS.model, wholeVocabulary: 49 } })).toEqual([false, true]);
  expect(
    both({ ...qwen, limits: { ...LIMITS.model, packedParameters: 494_032_768, wholeVocabulary: 151_936 } }),
  ).toEqual([false, false]);
});

// Threads that spin for one another take long where other processes want the cores, too.
describe('handled as a large model', { timeout: 600_000 }, () => {
  it('a policy says what it says as a small one', async () => {
    for (const [small, large] of [...PAIRS, [wide, neverPacked]]) {
      const [expected, found] = [await generate(small, [0, 1, 2]), await generate(large, [0, 1, 2])];
      expected.forEach(({ tokens, logProbs }, i) => {
        expect([...found[i].tokens]).toEqual([...tokens]);
        expect(found[i].logProbs).toBeAllclose(logProbs, { rtol: 1e-5, atol: 1e-4 });
      });
    }
  });

  it('and is scored as it', async () => {
    for (const [small, large] of PAIRS) {
      const [expected, found] = [await score(small, requests), await score(large, requests)];
      expected.forEach((one, i) => {
        for (const field of ['logProbs', 'entropies', 'fci'] as const) {
          expect(found[i][field]).toBeAllclose(one[field], { rtol: 1e-5, atol: 1e-4 });
        }
      });
    }
  });

  it('also where it is cut into many pieces, between any of which it can be stopped', async () => {
    for (const [small, large] of PAIRS) {
      const [whole, pieces] = [
        new WholePass(small, weightsOf(small), { threads: 2 }),
        new PiecewisePass(large, weightsOf(large), { threads: 2 }, { tokens: 100, queries: 64 }),
      ];
      let pauses = 0;
      const expected = await whole.run(scoreBatch(small, [long]));
      const found = await pieces.run(scoreBatch(large, [long]), () => {
        pauses++;
        return Promise.resolve();
      });
      expect(pauses).toBe(3 + 4 + 3 + 2); // projection, attention, feed-forward, head
      for (const field of ['logProbs', 'entropies', 'influence'] as const) {
        const part = (values?: Float32Array): Float32Array => values!.subarray(0, expected[field]!.length);
        expect(part(found[field])).toBeAllclose(part(expected[field]), { rtol: 1e-5, atol: 1e-4 });
      }
      const stop = new Error('stopped');
      const stopped = pieces.run(scoreBatch(large, [long]), () => Promise.reject(stop));
      await expect(stopped).rejects.toBe(stop);
      await Promise.all([whole.close(), pieces.close()]);
    }
  });

  it('and siblings go through it together, what they begin with once', async () => {
    const [[, config]] = PAIRS;
    const siblings = Array.from({ length: 5 }, (_, i) => ({
      tokens: Int32Array.from({ length: 1000 }, (_, t) => (3 * t + (t < 900 ? 0 : i)) % wide.vocabSize),
      promptLength: 990,
      temperature: 1,
    }));
    const scorer = new Scorer(config, weightsOf(config), { threads: 2 });
    const done = new Set<number>();
    await scorer.score(siblings, (count) => Promise.resolve(done.add(count)).then(() => undefined));
    await scorer.close();
    expect([...done]).toEqual([0, siblings.length]);
  });

  it.each([PAIRS[0][1], neverPacked])(
    'has the same bits in every company and with any number of threads',
    async (config) => {
      const together = bitsOf(await generate(config, [0, 1, 2, 3, 4]));
      expect(bitsOf(await generate(config, [3, 1], 1))).toEqual([together[3], together[1]]);
      expect(bitsOf(await generate(config, [4], 4))).toEqual([together[4]]);
      const scores = bitsOf(await score(config, requests));
      expect(bitsOf(await score(config, requests.toReversed(), 1))).toEqual(scores.toReversed());
      expect(bitsOf(await score(config, requests.slice(1), 3))).toEqual(scores.slice(1));
    },
  );
});
