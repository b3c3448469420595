import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { uniforms } from '../../../../algorithm/random.js';
import type { Rollout, RolloutRequest, SamplingParameters } from '../../../../contracts/engine/engine.js';
import { cumulative } from '../../../../policy/onnx/generate/cumulative.js';
import { Generator, type GeneratorSettings } from '../../../../policy/onnx/generate/generator.js';
import { boundOf, kept, truncationInputs } from '../../../../policy/onnx/generate/truncation.js';
import { Graph } from '../../../../policy/onnx/graph.js';
import { floats, int64s, Session } from '../../../../policy/onnx/runtime.js';
import { SessionPool } from '../../../../policy/onnx/session-pool.js';
import { Scorer } from '../../../../policy/onnx/score/scorer.js';
import { draw, keptIds, type Truncation } from '../../../support/reference-sampling.js';
import { randomWeights, smallConfig } from '../../random-model.js';

interface DrawnRow extends Truncation {
  readonly p: readonly number[];
  readonly u: number;
}

/** Sums of them are exact in fp32, so that graph and reference cannot differ by rounding at a boundary. */
const distributions = fc
  .array(fc.oneof(fc.nat(255), fc.constantFrom(0, 7, 90)), { minLength: 5, maxLength: 5 })
  .map((n) => {
    const sum = n.reduce((a, b) => a + b, 0);
    const whole = 2 ** 11;
    return [...n, whole - sum].map((x) => x / whole);
  });
const rows: fc.Arbitrary<DrawnRow> = fc.record({
  p: distributions,
  u: fc.nat(63).map((n) => n / 64),
  topK: fc.nat(7),
  topP: fc.oneof(
    fc.constant(1),
    fc.integer({ min: 1, max: 31 }).map((n) => n / 32),
  ),
});

describe.each([undefined, 1, 2])('truncation in the graph, cumulated in blocks of %s', (block) => {
  const sessions = new SessionPool<{ readonly session: Session }>();
  afterAll(() => sessions.close());

  const sessionOf = (vocabSize: number) =>
    sessions.of(String(vocabSize), async () => {
      const g = new Graph();
      const p = g.input('p', 'float32', ['rows', vocabSize]);
      const u = g.input('u', 'float32', ['rows', 1]);
      const truncation = truncationInputs(g);
      const sums = cumulative(g, kept(g, p, truncation), block);
      g.output('drawn', sums.below(boundOf(g, u, sums.total(), truncation)));
      return { session: await Session.open(g, { threads: 1 }) };
    });

  /** @param sorted more than must be, as far as there are */
  async function drawn(batch: readonly DrawnRow[], sorted = 0): Promise<number[]> {
    const size = batch[0].p.length;
    const column = (of: (row: DrawnRow) => number) => floats(Float32Array.from(batch, of), [batch.length, 1]);
    const feeds = {
      p: floats(Float32Array.from(batch.flatMap(({ p }) => p)), [batch.length, size]),
      u: column(({ u }) => u),
      topP: column(({ topP }) => topP),
      topK: int64s(
        BigInt64Array.from(batch, ({ topK }) => BigInt(Math.min(topK, size))),
        [batch.length, 1],
      ),
      candidates: int64s(
        BigInt64Array.of(BigInt(Math.min(size, Math.max(1, sorted, ...batch.map(({ topK }) => topK))))),
        [1],
      ),
    };
    const { session } = await sessionOf(size);
    const result = await session.run(feeds, ['drawn']);
    return Array.from(result['drawn'].data, Number);
  }

  it('draws what the reference draws, each row by its own rule', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rows, { minLength: 1, maxLength: 6 }), fc.nat(6), async (batch, sorted) => {
        const expected = batch.map((row) =>
          row.topK === 0 && row.topP === 1
            ? row.p.filter((_, id) => row.p.slice(0, id + 1).reduce((a, b) => a + b, 0) < row.u).length
            : draw(row.p, row.u, row),
        );
        expect(await drawn(batch, sorted)).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  it('draws the same however many are sorted at first', async () => {
    const key = { runSeed: 1, iteration: 0, problem: 0, response: 0, branch: 0 };
    const weights = uniforms(key, 0, 4000).map((u) => Math.exp(12 * u));
    const total = weights.reduce((a, b) => a + b, 0);
    const p = Array.from(weights, (weight) => weight / total);
    const batch = Array.from(uniforms(key, 5000, 40), (u, i) => ({
      p,
      u,
      topK: 0,
      topP: [0.1, 0.5, 0.9, 0.999][i % 4],
    }));
    const expected = await drawn(batch, p.length);
    expect(new Set(expected).size).toBeGreaterThan(10);
    for (const sorted of [1, 100, 1000]) expect(await drawn(batch, sorted)).toEqual(expected);
  });

  it('never draws what it removes', async () => {
    const p = [0, 0.125, 0.5, 0, 0.25, 0.125];
    for (const u of [0, 2 ** -149, 0.5, 1 - 2 ** -24]) {
      for (const truncation of [
        { topK: 2, topP: 1 },
        { topK: 0, topP: 0.75 },
        { topK: 3, topP: 0.5 },
      ]) {
        expect(keptIds(p, truncation)).toContain((await drawn([{ p, u, ...truncation }]))[0]);
      }
    }
  });
});

const settings: GeneratorSettings = { slots: 64, chunk: 16, threads: 1 };
const weights = randomWeights(smallConfig, 1, 8);

async function generate(
  wanted: readonly RolloutRequest[],
  changed: Partial<GeneratorSettings> = {},
): Promise<Rollout[]> {
  const generator = await Generator.open(smallConfig, weights, { ...settings, ...changed });
  const submitted = wanted.map((one) => generator.submit(one));
  while (!generator.idle) await generator.step();
  const rollouts = await Promise.all(submitted.map(({ rollout }) => rollout));
  await generator.close();
  return rollouts;
}

function request(problem: number, sampling: SamplingParameters): RolloutRequest {
  return {
    prefix: Int32Array.from({ length: 3 + 5 * problem }, (_, i) => (7 * problem + 3 * i) % smallConfig.vocabSize),
    uniforms: { kind: 'counter', key: { runSeed: 3, iteration: 0, problem, response: 0, branch: 0 } },
    maxNewTokens: 40 + problem,
    stopIds: [],
    ...sampling,
  };
}

const bits = ({ tokens, logProbs }: Rollout): unknown => ({
  tokens: [...tokens],
  logProbs: Buffer.from(logProbs.slice().buffer).toString('hex'),
});

describe('a rollout that is sampled with', () => {
  const kinds: SamplingParameters[] = [
    { temperature: 0.9 },
    { temperature: 0.7, topK: 3 },
    { temperature: 1.3, topP: 0.8 },
    { temperature: 1, topK: 10, topP: 0.6 },
    { temperature: 0 },
    { temperature: 1, topK: 0, topP: 1 },
  ];
  const mixed = Array.from({ length: 18 }, (_, i) => request(i, kinds[i % kinds.length]));

  it('any parameters has the same bits whatever else is in the batch, and in whichever slot', async () => {
    const together = await generate(mixed);
    for (const [i, one] of mixed.entries()) {
      expect(bits((await generate([one]))[0]), JSON.stringify(kinds[i % kinds.length])).toEqual(bits(together[i]));
    }
    const reversed = await generate([...mixed].reverse(), { slots: 5, threads: 2 });
    expect(reversed.reverse().map(bits)).toEqual(together.map(bits));
  });

  it('truncation differs from one without', async () => {
    const of = async (sampling: SamplingParameters) => (await generate([request(1, sampling)]))[0].tokens;
    const plain = await of({ temperature: 1 });
    for (const truncation of [{ topK: 3 }, { topP: 0.8 }]) {
      expect(await of({ temperature: 1, ...truncation })).not.toEqual(plain);
    }
  });

  it('temperature 0, one candidate or hardly any mass takes the most probable token, whatever the uniform', async () => {
    const key = { runSeed: 99, iteration: 0, problem: 0, response: 0, branch: 0 };
    const [greedy, other, single, least] = await generate([
      request(2, { temperature: 0 }),
      { ...request(2, { temperature: 0 }), uniforms: { kind: 'counter', key } },
      request(2, { temperature: 1, topK: 1 }),
      request(2, { temperature: 1, topP: 1e-6 }),
    ]);
    for (const rollout of [other, single, least]) expect(bits(rollout)).toEqual(bits(greedy));
  });

  it('log-probs are those of the distribution that nothing was cut off from', async () => {
    const [cut] = await generate([request(4, { temperature: 0.8, topK: 2, topP: 0.9 })]);
    const prefix = request(4, { temperature: 0.8 }).prefix;
    const scored = await logProbsOf(prefix, cut.tokens, 0.8);
    expect(cut.logProbs).toBeAllclose(scored, { atol: 1e-4 });
  });
});

async function logProbsOf(prefix: Int32Array, tokens: Int32Array, temperature: number): Promise<Float32Array> {
  const scorer = new Scorer(smallConfig, weights, { threads: 1 });
  const whole = Int32Array.from([...prefix, ...tokens]);
  const [{ logProbs }] = await scorer.score([{ tokens: whole, promptLength: prefix.length, temperature }], () =>
    Promise.resolve(),
  );
  await scorer.close();
  return logProbs;
}
