import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adamWStep as referenceStep, startAdamW } from '../../../algorithm/adamw.js';
import type { TrainingSequence, UpdateMetrics } from '../../../contracts/engine.js';
import { OnnxLearner } from '../../../policy/learn/onnx-learner.js';
import { fromHuggingFace, type Weights } from '../../../policy/qwen2/parameters.js';
import type { ModelConfig } from '../../../policy/qwen2/config.js';
import { SafetensorsFile } from '../../../store/safetensors-file.js';
import { randomWeights, smallConfig } from '../random-model.js';
import { chain, loss, optimizer, randomTree } from './rows.js';

const untied: ModelConfig = { ...smallConfig, tiedHead: false };
const normalised: ModelConfig = { ...smallConfig, qkNorm: true, qkvBias: false };
const reference = randomWeights(smallConfig, 2, 8);
const trees = [1, 2, 3, 4, 5].map((seed) => randomTree(seed, smallConfig.vocabSize));
const packed = trees.map((tree) => tree.packed);
const opened: OnnxLearner[] = [];
const BUDGET = 1 << 20;

async function learnerOf(config = smallConfig, threads = 2): Promise<OnnxLearner> {
  const learner = new OnnxLearner({ threads });
  opened.push(learner);
  await learner.start(
    config,
    randomWeights(config, 1, 8),
    config === smallConfig ? reference : randomWeights(config, 2, 8),
  );
  return learner;
}

afterAll(async () => {
  for (const learner of opened) await learner.close();
});

const copyOf = (weights: Weights): Map<string, Float32Array> =>
  new Map([...weights].map(([name, values]) => [name, values.slice()]));

/** Metrics, and the gradient scaled to at most 1, from one step of plain descent with rate 1. */
async function gradientOf(
  rows: readonly TrainingSequence[],
  { budget = BUDGET, threads = 2, config = smallConfig } = {},
): Promise<{ metrics: UpdateMetrics; gradient: Map<string, Float32Array>; norms: Record<string, number> }> {
  const learner = await learnerOf(config, threads);
  const metrics = await learner.update(rows, loss, optimizer, budget);
  return { metrics, gradient: copyOf(learner.gradient), norms: await learner.lastGradNorms() };
}

function expectSameGradient(actual: Weights, expected: Weights): void {
  for (const [name, values] of expected) {
    const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    expect(actual.get(name)!).toBeAllclose(values, { rtol: 1e-5, atol: 1e-5 * Math.max(largest, 1e-3) });
  }
}

const bits = (weights: Weights): string[] =>
  [...weights].map(([name, values]) => `${name} ${Buffer.from(values.slice().buffer).toString('base64')}`);

describe('a gradient', () => {
  it('of packed trees is that of their leaf paths one by one', async () => {
    for (const config of [smallConfig, untied, normalised]) {
      const whole = await gradientOf(packed, { config });
      const single = await gradientOf(
        trees.flatMap((tree) => tree.leaves),
        { config },
      );
      expect(Object.values(whole.metrics)).toBeAllclose(Object.values(single.metrics), { rtol: 1e-5, atol: 1e-5 });
      expectSameGradient(whole.gradient, single.gradient);
    }
  });

  it('does not depend on the size of micro-batches', async () => {
    const rows = [...packed, ...[40, 130, 7, 61].map((length, i) => chain(i, length, smallConfig.vocabSize))];
    const whole = await gradientOf(rows);
    for (const budget of [1, 200, 400]) {
      const parts = await gradientOf(rows, { budget });
      expect(Object.values(parts.metrics)).toBeAllclose(Object.values(whole.metrics), { rtol: 1e-5, atol: 1e-6 });
      expectSameGradient(parts.gradient, whole.gradient);
    }
  });

  it('has the same bits in every run and with any number of threads', async () => {
    // Of a size at which onnxruntime divides products by columns as well as by rows.
    const config: ModelConfig = { ...smallConfig, vocabSize: 64, hiddenSize: 128, intermediateSize: 384, layers: 1 };
    await expectSameBits(config);
    await expectSameBits({ ...config, qkNorm: true, qkvBias: false });
  });

  async function expectSameBits(config: ModelConfig): Promise<void> {
    for (const rows of [[chain(8, 60, config.vocabSize)], [...packed, chain(9, 200, config.vocabSize)]]) {
      const expected = bits((await gradientOf(rows, { threads: 1, config })).gradient);
      for (const threads of [2, 2, 4]) {
        expect(bits((await gradientOf(rows, { threads, config })).gradient)).toEqual(expected);
      }
    }
  }

  it('agrees with differences of the loss', async () => {
    const rows = packed.slice(0, 2);
    const { gradient } = await gradientOf(rows);
    const lossAt = async (weights: Weights): Promise<number> => {
      const learner = new OnnxLearner({ threads: 1 });
      await learner.start(smallConfig, weights, reference);
      const metrics = await learner.update(rows, loss, optimizer, BUDGET);
      await learner.close();
      return metrics.loss;
    };
    // Along the gradient itself the loss must grow by the square of its norm per step.
    for (const name of gradient.keys()) {
      const direction = gradient.get(name)!;
      const length = Math.hypot(...direction);
      const moved = (distance: number): Map<string, Float32Array> => {
        const weights = randomWeights(smallConfig, 1, 8);
        weights.get(name)!.forEach((x, i, all) => (all[i] = x + (distance * direction[i]) / length));
        return weights;
      };
      const step = 2e-3;
      const slope = ((await lossAt(moved(step))) - (await lossAt(moved(-step)))) / (2 * step);
      expect(slope / length, name).toBeCloseTo(1, 2);
    }
  });

  it('of a policy with reference log-probs given equals that with the reference itself', async () => {
    const learner = await learnerOf();
    const withReference = await learner.update(packed, loss, optimizer, BUDGET);
    const frozen = new OnnxLearner({ threads: 2 });
    opened.push(frozen);
    await frozen.start(smallConfig, randomWeights(smallConfig, 1, 8));
    await expect(frozen.update(packed, loss, optimizer, BUDGET)).rejects.toThrow(/reference/);
    expect(withReference.kl).toBeGreaterThan(0);
    const without = await frozen.update(packed, { ...loss, klWeight: 0 }, optimizer, BUDGET);
    expect(without.policyLoss).toBe(withReference.policyLoss);
  });
});

describe('a step', () => {
  it('is AdamW on the clipped gradient', async () => {
    const learner = await learnerOf();
    const settings = { ...optimizer, weightDecay: 0.1, maxGradNorm: 0.5 };
    const names = [...learner.weights.keys()];
    let state = startAdamW(names.map((name) => learner.weights.get(name)!));
    for (let step = 0; step < 5; step++) {
      const { gradNorm } = await learner.update(packed, loss, settings, BUDGET);
      const expected = referenceStep(
        state,
        names.map((name) => learner.gradient.get(name)!),
        settings,
      );
      state = expected.state;
      expect(gradNorm).toBeCloseTo(expected.gradNorm, 5);
      names.forEach((name, i) => expect(learner.weights.get(name)!).toBeAllclose(state.params[i], { atol: 1e-6 }));
    }
    const norms = Object.values(await learner.lastGradNorms());
    expect(Math.hypot(...norms)).toBeCloseTo(0.5, 4);
  });

  it('of supervision lowers the cross-entropy', async () => {
    const learner = await learnerOf();
    const losses = [];
    for (let step = 0; step < 20; step++) {
      losses.push((await learner.supervise(packed, { ...optimizer, learningRate: 3e-3 }, BUDGET)).loss);
    }
    expect(losses.at(-1)!).toBeLessThan(losses[0] / 2);
  });

  it('with a loss or gradient that is not finite is refused and changes nothing', async () => {
    const learner = await learnerOf();
    await learner.update(packed, loss, optimizer, BUDGET);
    const before = bits(learner.weights);
    const poisoned = { ...packed[0], advantages: packed[0].advantages.map(() => NaN) };
    await expect(learner.update([poisoned], loss, optimizer, BUDGET)).rejects.toMatchObject({
      name: 'NonFiniteUpdate',
    });
    expect(bits(learner.weights)).toEqual(before);
    // Moments and step count are as before, too: what follows equals a run without the refused step.
    await learner.update(packed, loss, optimizer, BUDGET);
    const clean = await learnerOf();
    await clean.update(packed, loss, optimizer, BUDGET);
    await clean.update(packed, loss, optimizer, BUDGET);
    expect(bits(learner.weights)).toEqual(bits(clean.weights));
  });

  it('refuses rows that can not be trained on', async () => {
    const learner = await learnerOf();
    const row = chain(1, 12, smallConfig.vocabSize);
    const refused = (change: Partial<TrainingSequence>) =>
      expect(learner.update([{ ...row, ...change }], loss, optimizer, BUDGET)).rejects.toThrow(RangeError);
    await refused({ tokens: row.tokens.map(() => 999) });
    await refused({ predecessors: row.predecessors.map((_, t) => t) });
    await refused({ weights: row.weights.map(() => 1) });
    await refused({ weights: row.weights.map(() => 0) });
    await refused({ advantages: row.advantages.slice(1) });
  });
});

describe('save', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'learner-'));
  const [weightsPath, optimizerPath] = [join(folder, 'weights.safetensors'), join(folder, 'optimizer.safetensors')];
  afterAll(() => rm(folder, { recursive: true }));

  it('and load go on with the same bits', async () => {
    const learner = await learnerOf();
    for (let step = 0; step < 3; step++) await learner.supervise(packed, optimizer, BUDGET);
    await learner.save(weightsPath, optimizerPath);
    const file = await SafetensorsFile.open(weightsPath);
    const tensors = new Map<string, Float32Array>();
    for (const name of file.header.tensors.keys()) tensors.set(name, (await file.read(name)) as Float32Array);
    await file.close();
    const restored = new OnnxLearner({ threads: 2 });
    opened.push(restored);
    const weights = fromHuggingFace(smallConfig, (name) => tensors.get(name)!);
    await restored.start(smallConfig, weights, undefined, optimizerPath);
    await learner.supervise(packed, optimizer, BUDGET);
    await restored.supervise(packed, optimizer, BUDGET);
    expect(bits(restored.weights)).toEqual(bits(learner.weights));
  });

  it('writes the same bytes for the same policy', async () => {
    const learner = await learnerOf();
    await learner.supervise(packed, optimizer, BUDGET);
    await learner.save(weightsPath, optimizerPath);
    const first = [await readFile(weightsPath), await readFile(optimizerPath)];
    await learner.save(weightsPath, optimizerPath);
    expect([await readFile(weightsPath), await readFile(optimizerPath)]).toEqual(first);
  });
});

it('memory stays flat over 200 steps', async () => {
  const learner = await learnerOf();
  const rows = (step: number) => [chain(step, 60 + (step % 5) * 40, smallConfig.vocabSize), packed[step % 5]];
  const resident: number[] = [];
  for (let step = 0; step < 200; step++) {
    await learner.update(rows(step), loss, optimizer, 256);
    resident.push(process.memoryUsage().rss);
  }
  const highest = (from: number, to: number) => Math.max(...resident.slice(from, to));
  expect(highest(150, 200)).toBeLessThan(highest(50, 100) + 32 * 2 ** 20);
}, 300_000);
