import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { TrainingSequence } from '../../../contracts/engine/engine.js';
import { OnnxLearner, type OnnxLearnerSettings } from '../../../policy/onnx/learn/onnx-learner.js';
import { LIMITS, type SegmentLimits } from '../../../policy/limits.js';
import { layersKept, updateMemory } from '../../../policy/onnx/learn/segments/memory-budget.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import { fromHuggingFace, toHuggingFace, type Weights } from '../../../policy/model/parameters.js';
import { SafetensorsFile } from '../../../store/safetensors/file.js';
import { EVERYTHING_IS_LARGE } from '../../support/large-limits.js';
import { randomWeights, smallConfig } from '../random-model.js';
import { chain, loss, optimizer, randomTree } from './rows.js';

const untied: ModelConfig = { ...smallConfig, tiedHead: false };
const rows = [
  ...[1, 2, 3, 4, 5].map((seed) => randomTree(seed, smallConfig.vocabSize).packed),
  ...[40, 350, 7].map((length, i) => chain(i, length, smallConfig.vocabSize)),
];
/** Everything is cut into several parts. */
const segments: SegmentLimits = {
  tokens: 100,
  logits: 150 * smallConfig.vocabSize,
  headTokens: 128,
  scores: 2 ** 14,
  gradientRows: 7,
};
const LITTLE = { limits: { ...LIMITS, learn: { ...LIMITS.learn, segments } } };
/** Learnt in pieces, with weights as in one graph. */
const inPieces = (config: ModelConfig): ModelConfig => ({ ...config, limits: { ...LIMITS.model, wholeVocabulary: 0 } });
const asLarge = (config: ModelConfig): ModelConfig => ({ ...config, limits: EVERYTHING_IS_LARGE.model });
const BUDGET = 1 << 20;

const opened: OnnxLearner[] = [];
afterAll(async () => {
  for (const learner of opened) await learner.close();
});

async function learnerOf(settings: Partial<OnnxLearnerSettings>, config = smallConfig): Promise<OnnxLearner> {
  const learner = new OnnxLearner({ threads: 2, ...settings });
  opened.push(learner);
  await learner.start(config, randomWeights(config, 1, 8), randomWeights(config, 2, 8));
  return learner;
}

/** By Hugging Face's names, in its layout. */
const inOneLayout = (config: ModelConfig, gradient: Weights): Weights =>
  new Map([...toHuggingFace(config, gradient)].map(([name, { data }]) => [name, data()]));

function expectSame(gradient: Weights, expected: Weights): void {
  for (const [name, values] of expected) {
    const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    const tolerance = { rtol: 1e-5, atol: 1e-5 * Math.max(largest, 1e-3) };
    expect(gradient.get(name)!, name).toBeAllclose(values, tolerance);
  }
}

const bits = (learner: OnnxLearner): string[] =>
  [...learner.weights].map(([name, values]) => `${name} ${Buffer.from(values.slice().buffer).toString('base64')}`);

describe('piece by piece', () => {
  it('the gradient and what is reported are those of one graph', async () => {
    for (const config of [smallConfig, untied]) {
      const whole = await learnerOf({}, config);
      const expected = await whole.update(rows, loss, optimizer, BUDGET);
      for (const settings of [{}, LITTLE]) {
        const pieces = await learnerOf(settings, inPieces(config));
        const metrics = await pieces.update(rows, loss, optimizer, 400);
        expect(Object.values(metrics)).toBeAllclose(Object.values(expected), { rtol: 1e-5, atol: 1e-5 });
        expectSame(pieces.gradient, whole.gradient);
      }
    }
  });

  it('the gradient is the same when weights stay as Hugging Face lays them out', async () => {
    for (const small of [smallConfig, untied]) {
      const large = asLarge(small);
      const [expected, found] = [await learnerOf({}, small), await learnerOf({}, large)];
      await expected.update(rows, loss, optimizer, BUDGET);
      await found.update(rows, loss, optimizer, BUDGET);
      expectSame(inOneLayout(large, found.gradient), inOneLayout(small, expected.gradient));
    }
  });

  it('supervision takes the steps of one graph', async () => {
    const [whole, pieces] = [await learnerOf({}), await learnerOf(LITTLE, inPieces(smallConfig))];
    for (let step = 0; step < 3; step++) {
      const expected = await whole.supervise(rows, optimizer, BUDGET);
      const found = await pieces.supervise(rows, optimizer, BUDGET);
      expect(Object.values(found)).toBeAllclose(Object.values(expected), { rtol: 1e-4 });
    }
  });

  it('has the same bits in every run', async () => {
    const results = [];
    for (let run = 0; run < 2; run++) {
      const learner = await learnerOf(LITTLE, inPieces(smallConfig));
      for (let step = 0; step < 2; step++) await learner.update(rows, loss, optimizer, BUDGET);
      results.push(bits(learner));
    }
    expect(results[1]).toEqual(results[0]);
  });

  it('has the same bits whatever the memory budget lets it keep', async () => {
    const wide = asLarge({ ...untied, layers: 3, qkNorm: true });
    const tokens = Math.max(...rows.map(({ tokens }) => tokens.length), 512);
    const { model, kept, inner, pieces } = updateMemory(wide, segments, tokens, false);
    const results = [];
    for (const layers of [0, 2, 3]) {
      const updateBytes = model + kept + pieces + (layers + 0.5) * inner;
      expect(layersKept(wide, segments, tokens, false, updateBytes)).toBe(layers);
      const learner = await learnerOf(
        { limits: { ...LIMITS, learn: { ...LIMITS.learn, segments, updateBytes } } },
        wide,
      );
      await learner.update(rows, loss, optimizer, 400);
      results.push(bits(learner));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('has the same bits with any number of threads', async () => {
    // As wide as large models at least are: a thread gets more than 64 columns of every product.
    const wide = asLarge({ ...smallConfig, hiddenSize: 512, intermediateSize: 640, layers: 1 });
    const heads: ModelConfig = { ...wide, heads: 8, kvHeads: 2, headSize: 64, vocabSize: 600 };
    const results = [];
    for (const threads of [1, 2, 3]) {
      const learner = await learnerOf({ threads }, heads);
      await learner.update(rows, loss, optimizer, BUDGET);
      results.push(bits(learner));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('refuses a loss that is not finite and changes nothing', async () => {
    const learner = await learnerOf(LITTLE, inPieces(smallConfig));
    const before = bits(learner);
    const poisoned: TrainingSequence = { ...rows[0], advantages: rows[0].advantages.map(() => NaN) };
    await expect(learner.update([poisoned], loss, optimizer, BUDGET)).rejects.toMatchObject({
      name: 'NonFiniteUpdate',
    });
    expect(bits(learner)).toEqual(before);
  });

  it('goes on behind save and load with the same bits', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'segments-'));
    const [weightsPath, optimizerPath] = [join(folder, 'weights'), join(folder, 'optimizer')];
    const config = asLarge(untied);
    const learner = await learnerOf({}, config);
    for (let step = 0; step < 2; step++) await learner.supervise(rows, optimizer, BUDGET);
    await learner.save(weightsPath, optimizerPath);
    const file = await SafetensorsFile.open(weightsPath);
    const tensors = new Map<string, Float32Array>();
    for (const name of file.header.tensors.keys()) tensors.set(name, (await file.read(name)) as Float32Array);
    await file.close();
    const restored = new OnnxLearner({ threads: 2, scratch: folder });
    opened.push(restored);
    const weights = fromHuggingFace(config, (name) => tensors.get(name)!);
    await restored.start(config, weights, undefined, optimizerPath);
    for (const one of [learner, restored]) await one.supervise(rows, optimizer, BUDGET);
    expect(bits(restored)).toEqual(bits(learner));
    expect((await readdir(folder)).sort()).toEqual(['optimizer', 'weights']); // its moments have no name
    await rm(folder, { recursive: true });
  });
});
