/** The two halves of a Qwen2 layer over packed trees, each with its residual, as blocks. Axes: T tokens. */
import type { ModelConfig } from '../model/config.js';
import type { Block } from './block.js';
import type { BlockWeights } from './block-weights.js';
import type { TensorFlow } from './device.js';
import { add, concat, constant, matMul, mul, sub, sumFirst, timesSigmoid } from './operators.js';
import { inverseRms, rmsNormGradient } from './rms-norm.js';
import { attend, attendGradient, type AttentionInputs } from './tree-attention.js';
import type { Variables } from './variables.js';

/** What the blocks take, and where gradients are added up. */
export interface Parameters {
  readonly weights: BlockWeights;
  readonly gradients: Variables;
}

/** x + attention(x), [T, hidden]. */
export function attentionBlock(
  tf: TensorFlow,
  config: ModelConfig,
  { weights, gradients }: Parameters,
  inputs: AttentionInputs,
  layer: number,
): Block {
  const name = (parameter: string): string => `layer${layer}.${parameter}`;
  return {
    forward: (x) => {
      const inverse = inverseRms(tf, x, config.rmsNormEps);
      const n = mul(tf, x, inverse);
      const projections = add(tf, matMul(tf, n, weights.qkv(layer)), weights.qkvBias(layer));
      const [values, ...operands] = attend(tf, config, inputs, projections);
      const y = add(tf, x, matMul(tf, values, weights.read(name('output'))));
      return { y, kept: [inverse, n, values, ...operands] };
    },
    backward: ([inverse, n, values, ...operands], dy) => {
      const dProjections = tf.tidy(() => {
        gradients.add(name('output'), matMul(tf, values, dy, { transA: true }));
        const dValues = matMul(tf, dy, weights.read(name('output')), { transB: true });
        return attendGradient(tf, config, inputs, [values, ...operands], dValues);
      });
      gradients.add(name('qkvBias'), sumFirst(tf, dProjections));
      gradients.add(name('qkv'), matMul(tf, n, dProjections, { transA: true }));
      const dn = matMul(tf, dProjections, weights.qkv(layer), { transB: true });
      return add(tf, dy, rmsNormGradient(tf, n, inverse, dn));
    },
  };
}

/** x + feedForward(x), [T, hidden]. */
export function feedForwardBlock(
  tf: TensorFlow,
  config: ModelConfig,
  { weights, gradients }: Parameters,
  layer: number,
): Block {
  const name = (parameter: string): string => `layer${layer}.${parameter}`;
  return {
    forward: (x) => {
      const inverse = inverseRms(tf, x, config.rmsNormEps);
      const n = mul(tf, x, inverse);
      const [gate, up] = weights.gateUp(layer).map((weight) => matMul(tf, n, weight));
      const activated = timesSigmoid(tf, gate, gate);
      const inner = mul(tf, activated, up);
      const y = add(tf, x, matMul(tf, inner, weights.read(name('down'))));
      return { y, kept: [inverse, n, gate, up, activated, inner] };
    },
    backward: ([inverse, n, gate, up, activated, inner], dy) => {
      const [dGate, dUp] = tf.tidy(() => {
        gradients.add(name('down'), matMul(tf, inner, dy, { transA: true }));
        const dInner = matMul(tf, dy, weights.read(name('down')), { transB: true });
        // Slope of gate * s, s = sigmoid(gate): s * (1 + gate * (1 - s)).
        const beyond = add(tf, sub(tf, gate, activated), constant(tf, 1));
        const dActivated = mul(tf, dInner, up);
        return [mul(tf, timesSigmoid(tf, dActivated, gate), beyond), mul(tf, dInner, activated)];
      });
      tf.tidy(() => {
        const parts = [dGate, dUp].map((d) => matMul(tf, n, d, { transA: true }));
        gradients.add(name('gateUp'), concat(tf, parts, 1));
      });
      const [gateWeight, upWeight] = weights.gateUp(layer);
      const dn = add(tf, matMul(tf, dGate, gateWeight, { transB: true }), matMul(tf, dUp, upWeight, { transB: true }));
      return add(tf, dy, rmsNormGradient(tf, n, inverse, dn));
    },
  };
}
