/**
 * AdamW in place on flat arrays; `algorithm/adamw.ts` is its reference form. Sums and quotients are in doubles, weights and
 * moments are stored as floats.
 */
import type { AdamWSettings } from '../../algorithm/adamw.js';
import type { ParameterBuffer } from './parameter-buffer.js';

export interface OptimizerState {
  /** Steps taken. */
  steps: number;
  readonly firstMoments: ParameterBuffer;
  readonly secondMoments: ParameterBuffer;
}

/** 2-norm; the sum is in doubles and in one order. */
export function norm(values: Float32Array): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}

/** Factor on the gradient that limits its norm. */
export function clipScale(gradNorm: number, { maxGradNorm }: AdamWSettings): number {
  return Math.min(1, maxGradNorm / (gradNorm + 1e-6));
}

/** @param scale factor on the gradient */
export function adamWStep(
  weights: Float32Array,
  gradient: Float32Array,
  state: OptimizerState,
  scale: number,
  { learningRate, betas: [beta1, beta2], eps, weightDecay }: AdamWSettings,
): void {
  state.steps += 1;
  const first = state.firstMoments.all;
  const second = state.secondMoments.all;
  const stepSize = learningRate / (1 - beta1 ** state.steps);
  const deviationScale = 1 / Math.sqrt(1 - beta2 ** state.steps);
  const keep = 1 - learningRate * weightDecay;
  for (let i = 0; i < weights.length; i++) {
    const d = gradient[i] * scale;
    const m = beta1 * first[i] + (1 - beta1) * d;
    const v = beta2 * second[i] + (1 - beta2) * d * d;
    first[i] = m;
    second[i] = v;
    weights[i] = weights[i] * keep - (stepSize * m) / (Math.sqrt(v) * deviationScale + eps);
  }
}
