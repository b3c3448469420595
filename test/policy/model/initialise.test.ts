import { expect, test } from 'vitest';
import { initialWeights } from '../../../policy/model/checkpoint/initialise.js';
import type { ModelConfig } from '../../../policy/model/config.js';

const config: ModelConfig = {
  vocabSize: 64,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 32,
  ropeTheta: 1e5,
  rmsNormEps: 1e-6,
  maxPositions: 64,
  qkvBias: true,
  qkNorm: false,
  tiedHead: true,
};

test('matrices are normal with deviation 0.02, norms 1, biases 0', () => {
  const weights = initialWeights(config, 0);
  const gate = weights['model.layers.1.mlp.gate_proj.weight'];
  expect(gate.shape).toEqual([384, 128]);
  const values = [...gate.data];
  const mean = values.reduce((a, b) => a + b) / values.length;
  const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
  expect(mean).toBeCloseTo(0, 3);
  expect(deviation).toBeCloseTo(0.02, 3);
  // Within one deviation lie 68.3 % of a normal distribution, 57.7 % of a uniform one.
  expect(values.filter((x) => Math.abs(x) < 0.02).length / values.length).toBeCloseTo(0.683, 2);
  expect(new Set(weights['model.norm.weight'].data)).toEqual(new Set([1]));
  expect(new Set(weights['model.layers.0.post_attention_layernorm.weight'].data)).toEqual(new Set([1]));
  expect(new Set(weights['model.layers.0.self_attn.q_proj.bias'].data)).toEqual(new Set([0]));
});

test('weights depend on seed and name, not on what else there is', () => {
  const name = 'model.layers.1.self_attn.k_proj.weight';
  const weights = initialWeights(config, 0);
  expect(initialWeights({ ...config, layers: 3 }, 0)[name]).toEqual(weights[name]);
  expect(initialWeights(config, 1)[name]).not.toEqual(weights[name]);
  expect(weights['model.layers.0.self_attn.k_proj.weight'].data).not.toEqual(weights[name].data);
});
