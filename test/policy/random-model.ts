/** A small model with random weights: enough to show what depends on what. */
import { initialWeights } from '../../policy/model/checkpoint/initialise.js';
import type { ModelConfig } from '../../policy/model/config.js';
import { fromHuggingFace, type Weights } from '../../policy/model/parameters.js';

export const smallConfig: ModelConfig = {
  vocabSize: 50,
  hiddenSize: 48,
  intermediateSize: 80,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 12,
  ropeTheta: 10_000,
  rmsNormEps: 1e-6,
  maxPositions: 512,
  qkvBias: true,
  qkNorm: false,
  tiedHead: true,
};

/** Matrices as wide as large models have them, so that bits do not depend on the batch: the narrowest result has 512 columns. */
export const wideConfig: ModelConfig = {
  ...smallConfig,
  vocabSize: 600,
  hiddenSize: 512,
  intermediateSize: 640,
  layers: 1,
  heads: 8,
  kvHeads: 2,
  headSize: 64,
};

/** @param gain makes the distributions peaked enough that a wrong bit would show in the tokens. */
export function randomWeights(config: ModelConfig, seed = 1, gain = 12): Map<string, Float32Array> {
  const tensors = initialWeights(config, seed);
  return fromHuggingFace(config, (name) => {
    const { shape, data } = tensors[name];
    return shape.length === 1 ? data : data.map((x) => x * gain);
  });
}

const made = new Map<string, Weights>();

/** As `randomWeights`, made once; nobody may change them. */
export function cachedWeights(config: ModelConfig, seed: number, gain: number): Weights {
  const key = JSON.stringify([config, seed, gain]);
  const weights = made.get(key) ?? randomWeights(config, seed, gain);
  made.set(key, weights);
  return weights;
}
