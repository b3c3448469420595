/** The two halves of a Qwen2 layer over packed trees, each with its residual, as blocks. Axes: T tokens. */
import type { ModelConfig } from '../transformer/config.js';
import type { Block } from './block.js';
import { add, concat, constant, halves, matMul, mul, sub, sumFirst, timesSigmoid } from './operators.js';
import { inverseRms, rmsNormGradient, scaled, scaledGradients } from './rms-norm.js';
import type { Tensor, TensorFlow } from './device.js';
import { attend, attendGradient, type AttentionInputs, rotate } from './tree-attention.js';
import type { Variables } from './variables.js';

/** Where parameters are read and their gradients added up. */
export interface Parameters {
  readonly weights: Variables;
  readonly gradients: Variables;
}

/** Adds the gradients of a weight and the norm's scale that it took in. */
function addScaledGradients(
  tf: TensorFlow,
  { weights, gradients }: Parameters,
  weight: string,
  norm: string,
  gradient: Tensor,
): void {
  const [dWeight, dScale] = scaledGradients(tf, weights.read(weight), weights.read(norm), gradient);
  gradients.add(weight, dWeight);
  gradients.add(norm, dScale);
}

/** x + attention(x), [T, hidden]. */
export function attentionBlock(
  tf: TensorFlow,
  config: ModelConfig,
  parameters: Parameters,
  inputs: AttentionInputs,
  layer: number,
): Block {
  const { weights, gradients } = parameters;
  const name = (parameter: string): string => `layer${layer}.${parameter}`;
  const qkv = (): Tensor => scaled(tf, weights.read(name('qkv')), weights.read(name('inputNorm')));
  return {
    forward: (x) => {
      const inverse = inverseRms(tf, x, config.rmsNormEps);
      const product = matMul(tf, mul(tf, x, inverse), qkv());
      const projections = add(tf, product, weights.read(name('qkvBias')));
      const rows = rotate(tf, config, inputs, projections);
      const [values, ...operands] = attend(tf, config, inputs, rows);
      const y = add(tf, x, matMul(tf, values, weights.read(name('output'))));
      return { y, kept: [inverse, values, ...operands] };
    },
    backward: (x, [inverse, values, ...operands], dy) => {
      const dProjections = tf.tidy(() => {
        gradients.add(name('output'), matMul(tf, values, dy, { transA: true }));
        const dValues = matMul(tf, dy, weights.read(name('output')), { transB: true });
        return attendGradient(tf, config, inputs, [values, ...operands], dValues);
      });
      gradients.add(name('qkvBias'), sumFirst(tf, dProjections));
      const n = mul(tf, x, inverse);
      addScaledGradients(tf, parameters, name('qkv'), name('inputNorm'), matMul(tf, n, dProjections, { transA: true }));
      const dn = matMul(tf, dProjections, qkv(), { transB: true });
      return add(tf, dy, rmsNormGradient(tf, n, inverse, dn));
    },
  };
}

/** x + feedForward(x), [T, hidden]. */
export function feedForwardBlock(tf: TensorFlow, config: ModelConfig, parameters: Parameters, layer: number): Block {
  const { weights, gradients } = parameters;
  const name = (parameter: string): string => `layer${layer}.${parameter}`;
  const gateUp = (): [Tensor, Tensor] =>
    halves(tf, scaled(tf, weights.read(name('gateUp')), weights.read(name('postNorm'))));
  return {
    forward: (x) => {
      const inverse = inverseRms(tf, x, config.rmsNormEps);
      const n = mul(tf, x, inverse);
      const [gate, up] = gateUp().map((weight) => matMul(tf, n, weight));
      const activated = timesSigmoid(tf, gate, gate);
      const y = add(tf, x, matMul(tf, mul(tf, activated, up), weights.read(name('down'))));
      return { y, kept: [inverse, gate, up, activated] };
    },
    backward: (x, [inverse, gate, up, activated], dy) => {
      const [dGate, dUp] = tf.tidy(() => {
        gradients.add(name('down'), matMul(tf, mul(tf, activated, up), dy, { transA: true }));
        const dInner = matMul(tf, dy, weights.read(name('down')), { transB: true });
        // Slope of gate * s, s = sigmoid(gate): s * (1 + gate * (1 - s)).
        const beyond = add(tf, sub(tf, gate, activated), constant(tf, 1));
        const dActivated = mul(tf, dInner, up);
        return [mul(tf, timesSigmoid(tf, dActivated, gate), beyond), mul(tf, dInner, activated)];
      });
      const n = mul(tf, x, inverse);
      tf.tidy(() => {
        const gradient = concat(
          tf,
          [dGate, dUp].map((d) => matMul(tf, n, d, { transA: true })),
          1,
        );
        addScaledGradients(tf, parameters, name('gateUp'), name('postNorm'), gradient);
      });
      const [gateWeight, upWeight] = gateUp();
      const dn = add(tf, matMul(tf, dGate, gateWeight, { transB: true }), matMul(tf, dUp, upWeight, { transB: true }));
      return add(tf, dy, rmsNormGradient(tf, n, inverse, dn));
    },
  };
}
