import { describe, expect, it } from 'vitest';
import type { Score, ScoreRequest } from '../../../../contracts/engine/engine.js';
import { Generator } from '../../../../policy/onnx/generate/generator.js';
import type { ModelConfig } from '../../../../policy/model/config.js';
import { Scorer } from '../../../../policy/onnx/score/scorer.js';
import { LIMITS } from '../../../../policy/limits.js';
import { EVERYTHING_IS_LARGE } from '../../../support/large-limits.js';
import { cachedWeights, smallConfig, wideConfig } from '../../random-model.js';

/** A model, and by which limits it is handled. */
const WAYS = {
  'of a small model': { ofWay: smallConfig, limits: LIMITS, gain: 12 },
  'where everything is large': {
    ofWay: { ...wideConfig, limits: EVERYTHING_IS_LARGE.model },
    limits: EVERYTHING_IS_LARGE,
    gain: 3,
  },
  'of a large model, some sequences at a time': {
    ofWay: { ...wideConfig, limits: EVERYTHING_IS_LARGE.model },
    limits: { ...EVERYTHING_IS_LARGE, score: { batchTokens: 1000, pieces: { tokens: 50, queries: 400 } } },
    gain: 3,
  },
};

const bits = ({ logProbs, entropies, fci }: Score): string[] =>
  [logProbs, entropies, fci].map((x) => Buffer.from(x.slice().buffer).toString('hex'));

describe.each(Object.entries(WAYS))('%s,', (__, { ofWay, limits, gain }) => {
  const weights = cachedWeights(ofWay, 1, gain);

  async function score(requests: readonly ScoreRequest[], threads = 2, config: ModelConfig = ofWay): Promise<Score[]> {
    const scorer = new Scorer(config, weights, { threads, limits });
    const scores = await scorer.score(requests, () => Promise.resolve());
    await scorer.close();
    return scores;
  }

  function request(i: number, promptLength: number, steps: readonly number[]): ScoreRequest {
    const length = promptLength + steps.reduce((a, b) => a + b, 0);
    let end = 0;
    const stepRanges = [promptLength, ...steps].map((size) => [end, (end += size)] as const);
    return {
      tokens: Int32Array.from({ length }, (_, t) => (11 * i + 5 * t + t * t) % ofWay.vocabSize),
      promptLength,
      temperature: 0.8,
      stepRanges,
    };
  }

  /** Begins as another and goes on in its own way. */
  function sibling(of: ScoreRequest, at: number): ScoreRequest {
    return { ...of, tokens: of.tokens.map((token, t) => (t < at ? token : (token + 1) % ofWay.vocabSize)) };
  }

  const alone = [
    request(0, 3, [4, 5, 6, 7, 8, 9]),
    request(1, 20, [10, 1, 1, 1, 1, 20, 30]),
    request(
      2,
      60,
      Array.from({ length: 20 }, () => 7),
    ),
    request(3, 10, [1]),
    ...[5, 11, 20, 35, 50, 90].map((size, i) => request(4 + i, 8 + i, [size, 3, 4, 2, 6, 5, 1])),
  ];
  const requests = [...alone, sibling(alone[1], 20), sibling(alone[1], 50), sibling(alone[2], 61), alone[9], alone[9]];

  describe('score', async () => {
    const together = await score(requests);

    it('of a sequence does not depend on the batch, its order, or threads', async () => {
      const reversed = (await score([...requests].reverse(), 1)).reverse();
      expect(reversed.map(bits)).toEqual(together.map(bits));
      for (const [i, one] of requests.entries()) {
        expect(bits((await score([one]))[0])).toEqual(bits(together[i]));
      }
    });

    it('has the same log-probs and entropies with and without FCI', async () => {
      const plain = await score(requests.map(({ stepRanges: _, ...rest }) => rest));
      plain.forEach((one, i) => {
        expect(one.fci).toHaveLength(0);
        expect(bits(one).slice(0, 2)).toEqual(bits(together[i]).slice(0, 2));
      });
    });

    it('gives every step a finite FCI: positive where a step far enough behind looks back, else zero', () => {
      together.forEach(({ fci }, i) => {
        const last = requests[i].stepRanges!.length - 1;
        fci.forEach((value, k) => {
          if (k >= 2 && k <= last - 4) expect(value).toBeGreaterThan(0);
          else expect(value).toBe(0);
        });
      });
    });

    it('is the same for sequences longer than the positions that the model names', async () => {
      expect(requests[2].tokens.length).toBeGreaterThan(100);
      const short = await score(requests, 2, { ...ofWay, maxPositions: 100 });
      expect(short.map(bits)).toEqual(together.map(bits));
    });

    it('agrees with the log-probs of sampling', async () => {
      const generator = await Generator.open(ofWay, weights, { slots: 8, chunk: 16, threads: 2, limits });
      const prefix = requests[1].tokens.slice(0, 30);
      const key = { runSeed: 1, iteration: 2, problem: 3, response: 4, branch: 5 };
      const submitted = generator.submit({
        prefix,
        uniforms: { kind: 'counter', key },
        maxNewTokens: 50,
        temperature: 0.8,
        stopIds: [],
      });
      while (!generator.idle) await generator.step();
      const rollout = await submitted.rollout;
      await generator.close();
      const tokens = Int32Array.from([...prefix, ...rollout.tokens]);
      const [scored] = await score([{ tokens, promptLength: prefix.length, temperature: 0.8 }]);
      rollout.logProbs.forEach((logProb, t) => expect(scored.logProbs[t]).toBeCloseTo(logProb, 4));
    });
  });
});
