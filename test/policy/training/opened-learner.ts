/** Learners in the test's own process, and what tests look at in them. */
import { expect } from 'vitest';
import type { Learner, TrainingSequence, UpdateMetrics } from '../../../contracts/engine/engine.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import { fromHuggingFace, type Weights } from '../../../policy/model/parameters.js';
import { SafetensorsFile } from '../../../store/safetensors/file.js';
import { randomWeights, smallConfig as ordinary } from '../random-model.js';
import { loss, optimizer, randomTree } from './rows.js';

/** A learner in this process, whose insides can be seen. */
export interface OpenLearner extends Learner {
  start(config: ModelConfig, weights: Weights, reference?: Weights, optimizer?: string): Promise<void>;
  readonly weights: Weights;
  /** Of the last step, before clipping. */
  readonly gradient: Weights;
  lastGradNorms(): Promise<Record<string, number>>;
}

export const trees = [1, 2, 3, 4, 5].map((seed) => randomTree(seed, ordinary.vocabSize));
export const packed = trees.map((tree) => tree.packed);
export const BUDGET = 1 << 20;

export const copyOf = (weights: Weights): Map<string, Float32Array> =>
  new Map([...weights].map(([name, values]) => [name, values.slice()]));

export const bits = (weights: Weights): string[] =>
  [...weights].map(([name, values]) => `${name} ${Buffer.from(values.slice().buffer).toString('base64')}`);

export function expectSameGradient(actual: Weights, expected: Weights): void {
  for (const [name, values] of expected) {
    const largest = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
    expect(actual.get(name)!).toBeAllclose(values, { rtol: 1e-5, atol: 1e-5 * Math.max(largest, 1e-3) });
  }
}

/** With random weights and a random reference. */
export async function started<Opened extends OpenLearner>(
  learner: Opened,
  config: ModelConfig = ordinary,
): Promise<Opened> {
  await learner.start(config, randomWeights(config, 1, 8), randomWeights(config, 2, 8));
  return learner;
}

export interface Gradient {
  readonly metrics: UpdateMetrics;
  /** Of each parameter, before clipping. */
  readonly gradient: Map<string, Float32Array>;
}

/** Of the policy loss, from random weights. */
export async function gradientBy(
  learner: OpenLearner,
  rows: readonly TrainingSequence[],
  { budget = BUDGET, config = ordinary }: { budget?: number; config?: ModelConfig } = {},
): Promise<Gradient> {
  await started(learner, config);
  const metrics = await learner.update(rows, loss, optimizer, budget);
  return { metrics, gradient: copyOf(learner.gradient) };
}

/** Goes on with what a learner saved. */
export async function restoreFrom(
  learner: OpenLearner,
  weightsPath: string,
  optimizerPath: string,
  config: ModelConfig = ordinary,
): Promise<void> {
  const file = await SafetensorsFile.open(weightsPath);
  const tensors = new Map<string, Float32Array>();
  for (const name of file.header.tensors.keys()) tensors.set(name, (await file.read(name)) as Float32Array);
  await file.close();
  const weights = fromHuggingFace(config, (name) => tensors.get(name)!);
  await learner.start(config, weights, undefined, optimizerPath);
}
