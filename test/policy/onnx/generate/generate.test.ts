import { describe, expect, it } from 'vitest';
import type { Rollout, RolloutKey, RolloutRequest } from '../../../../contracts/engine/engine.js';
import { Generator, type GeneratorSettings } from '../../../../policy/onnx/generate/generator.js';
import { LIMITS } from '../../../../policy/limits.js';
import type { ModelConfig } from '../../../../policy/model/config.js';
import { EVERYTHING_IS_LARGE } from '../../../support/large-limits.js';
import { cachedWeights, smallConfig, wideConfig } from '../../random-model.js';

/** Equal to the last bit: -0 and 0 differ, and so do numbers that print alike. */
function bits({ tokens, logProbs, finished }: Rollout): unknown {
  return { tokens: [...tokens], logProbs: Buffer.from(logProbs.slice().buffer).toString('hex'), finished };
}

const settings: GeneratorSettings = { slots: 64, chunk: 16, threads: 2 };

const key = (problem: number): RolloutKey => ({ runSeed: 5, iteration: 1, problem, response: 0, branch: 0 });

/** A model, and by which limits it is handled. */
const WAYS = {
  'of a small model': { config: smallConfig, limits: LIMITS, gain: 12, stopIds: [1] },
  'where everything is large': {
    config: { ...wideConfig, limits: EVERYTHING_IS_LARGE.model },
    limits: EVERYTHING_IS_LARGE,
    gain: 3,
    stopIds: Array.from({ length: 12 }, (_, id) => 50 * id + 1),
  },
};

describe.each(Object.entries(WAYS))('%s,', (__, { config: ofWay, limits, gain, stopIds }) => {
  function request(problem: number, prefixLength: number, maxNewTokens: number): RolloutRequest {
    return {
      prefix: Int32Array.from({ length: prefixLength }, (_, i) => (7 * problem + 3 * i) % ofWay.vocabSize),
      uniforms: { kind: 'counter', key: key(problem) },
      maxNewTokens,
      temperature: 0.9,
      stopIds,
    };
  }

  /** Prefixes shorter than a chunk, on its border, and over several chunks. */
  const requests = [1, 5, 15, 16, 17, 31, 32, 33, 40, 64, 65, 100].map((length, i) => request(i, length, 20 + 9 * i));

  async function generate(
    wanted: readonly RolloutRequest[],
    changed: Partial<GeneratorSettings> = {},
    config: ModelConfig = ofWay,
  ): Promise<Rollout[]> {
    const generator = await Generator.open(config, cachedWeights(config, 1, gain), { ...settings, limits, ...changed });
    const submitted = wanted.map((one) => generator.submit(one));
    while (!generator.idle) await generator.step();
    const rollouts = await Promise.all(submitted.map(({ rollout }) => rollout));
    await generator.close();
    return rollouts;
  }

  describe('a rollout is a pure function of policy and request', async () => {
    const reference = await generate(requests);

    it('is not trivial', () => {
      expect(new Set(reference.flatMap(({ tokens }) => [...tokens])).size).toBeGreaterThan(10);
      expect(reference.some(({ finished }) => finished)).toBe(true);
      expect(reference.some(({ finished }) => !finished)).toBe(true);
    });

    it('whatever else is in the batch', async () => {
      for (const [i, one] of requests.entries()) {
        const [alone] = await generate([one]);
        expect(bits(alone)).toEqual(bits(reference[i]));
      }
    });

    it('in whichever slot, and whenever it is admitted', async () => {
      const reversed = await generate([...requests].reverse(), { slots: 3 });
      expect(reversed.reverse().map(bits)).toEqual(reference.map(bits));
    });

    it('however far the batch is padded', async () => {
      const together = await generate([...requests, request(99, 400, 20)]);
      expect(together.slice(0, -1).map(bits)).toEqual(reference.map(bits));
    });

    it('with one thread or two', async () => {
      const single = await generate(requests, { threads: 1 });
      expect(single.map(bits)).toEqual(reference.map(bits));
    });

    it('when its prefix was prefilled or decoded, and when interrupted anywhere and continued elsewhere', async () => {
      const cuts = requests.flatMap((one, i) => {
        const whole = reference[i];
        const places = [...new Set([1, 7, 15, 16, 17, 33, whole.tokens.length - 1])];
        return places
          .filter((cut) => cut > 0 && cut < whole.tokens.length)
          .map((cut) => ({ one, whole, cut, generated: whole.tokens.slice(0, cut) }));
      });
      // A fresh generator: nothing of the interrupted one is left but its tokens.
      const continued = await generate(cuts.map(({ one, generated }) => ({ ...one, generated })));
      cuts.forEach(({ whole, cut }, i) => {
        const tail = ({ tokens, logProbs, finished }: Rollout): Rollout => ({
          tokens: tokens.slice(cut),
          logProbs: logProbs.slice(cut),
          finished,
        });
        expect(bits(tail(continued[i]))).toEqual(bits(tail(whole)));
        expect([...continued[i].tokens]).toEqual([...whole.tokens]);
      });
    });

    // The long ones stay together: some of them end early, and all have more of their own than they share at last.
    it.each([
      ['for a chunk', [70, 100, 64, 130, 65, 90], 60],
      ['for long', [270, 245, 241, 300, 264, 250, 260], 200],
    ])('when siblings share their prefix %s', async (_, lengths, newTokens) => {
      const prefixGroups = lengths.flatMap((length, problem) =>
        Array.from({ length: 4 }, (__, branch) => {
          const one = request(problem, length, newTokens);
          return { ...one, uniforms: { kind: 'counter' as const, key: { ...key(problem), branch } } };
        }),
      );
      const together = await generate(prefixGroups);
      for (const config of [ofWay, { ...ofWay, kvHeads: ofWay.heads }]) {
        const shared = config === ofWay ? together : await generate(prefixGroups, {}, config);
        const apart = await generate([...prefixGroups].reverse(), { slots: 5 }, config);
        expect(apart.reverse().map(bits)).toEqual(shared.map(bits));
      }
      // Others of the prefix group enter while some are done.
      const inTurn = await generate(prefixGroups, { slots: 20 });
      expect(inTurn.map(bits)).toEqual(together.map(bits));
      expect(together[0]).not.toEqual(together[1]);
    });

    it.each([
      ['key/value heads of their own for every query head', { kvHeads: ofWay.heads }],
      ['heads that are normalised, and no biases', { qkNorm: true, qkvBias: false }],
    ])('with %s', async (_, change) => {
      const config = { ...ofWay, ...change };
      const together = await generate(requests, {}, config);
      const [alone] = await generate([requests[10]], { threads: 1 }, config);
      expect(bits(alone)).toEqual(bits(together[10]));
      const whole = together[8];
      const [continued] = await generate([{ ...requests[8], generated: whole.tokens.slice(0, 21) }], {}, config);
      expect(bits({ ...continued, logProbs: continued.logProbs.slice(21) })).toEqual(
        bits({ ...whole, logProbs: whole.logProbs.slice(21) }),
      );
    });
  });

  describe('stopping', () => {
    it('keeps the stop token and ends at the limit', async () => {
      for (const { tokens, finished } of await generate(requests)) {
        expect([...tokens.slice(0, -1)].filter((token) => stopIds.includes(token))).toEqual([]);
        expect(stopIds.includes(tokens.at(-1)!)).toBe(finished);
      }
    });

    it('gives a cancelled rollout as far as it came', async () => {
      const generator = await Generator.open(ofWay, cachedWeights(ofWay, 1, gain), { ...settings, limits });
      const one = { ...request(3, 20, 200), stopIds: [] };
      const submitted = generator.submit(one);
      await generator.step();
      submitted.cancel();
      await generator.step();
      const partial = await submitted.rollout;
      await generator.close();
      expect(partial.finished).toBe(false);
      expect(partial.tokens.length).toBeGreaterThan(0);
      expect(partial.tokens.length).toBeLessThan(200);
      expect(generator.idle).toBe(true);
    });
  });
});
