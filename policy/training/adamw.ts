/**
 * AdamW in place on flat arrays; `algorithm/adamw.ts` is its reference form. Sums and quotients are in doubles, weights and
 * moments are stored as floats.
 */
import type { AdamWSettings } from '../../algorithm/adamw.js';
import type { Weights } from '../model/parameters.js';
import { type StepFactors, stepKernel } from './adamw-kernel.js';
import type { Moments } from './moments.js';

export interface OptimizerState {
  /** Steps taken. */
  steps: number;
  readonly moments: Moments;
}

/** 2-norm over all tensors together; the sum is in doubles and in one order. */
export function norm(tensors: Iterable<Float32Array>): number {
  let squares = 0;
  for (const values of tensors) for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}

/** Factor on the gradient that limits its norm. */
export function clipScale(gradNorm: number, { maxGradNorm }: AdamWSettings): number {
  return Math.min(1, maxGradNorm / (gradNorm + 1e-6));
}

/** @param scale factor on the gradient */
export async function adamWStep(
  weights: Weights,
  gradient: Weights,
  state: OptimizerState,
  scale: number,
  settings: AdamWSettings,
): Promise<void> {
  state.steps += 1;
  const step = await stepKernel();
  const factors = factorsOf(settings, state.steps, scale);
  await state.moments.change(weights.keys(), (name, first, second, from) => {
    const [weight, d] = [weights, gradient].map((all) => all.get(name)!.subarray(from, from + first.length));
    step({ weight, gradient: d, first, second }, factors);
  });
}

function factorsOf(
  { learningRate, betas: [beta1, beta2], eps, weightDecay }: AdamWSettings,
  steps: number,
  scale: number,
): StepFactors {
  return {
    scale,
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    keep: 1 - learningRate * weightDecay,
    stepSize: learningRate / (1 - beta1 ** steps),
    deviationScale: 1 / Math.sqrt(1 - beta2 ** steps),
    eps,
  };
}
