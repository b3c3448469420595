/**
 * Global-norm clipping and AdamW on the device, one fused operator per parameter; `algorithm/adamw.ts` is its reference form.
 * TensorFlow's Adam differs from torch's in where epsilon is added (before the second moment's bias is corrected) and has no
 * decoupled weight decay: epsilon and the learning rate are corrected here, in doubles, and the decay is a product before.
 */
import type { AdamWSettings } from '../../algorithm/adamw.js';
import { applyAdam, assign, mul, scalar, square, sumLast } from './operators.js';
import type { TensorFlow } from './device.js';
import type { Variables } from './variables.js';

/** 2-norm. Rows are summed on the device, in an order that threads do not change, and the rows' sums in doubles. */
export function globalNorm(tf: TensorFlow, gradients: Variables): number {
  let squares = 0;
  for (const name of gradients.names) {
    tf.tidy(() => {
      for (const sum of sumLast(tf, square(tf, gradients.read(name))).dataSync()) squares += sum;
    });
  }
  return Math.sqrt(squares);
}

export interface DeviceOptimizer {
  /** Steps taken. */
  steps: number;
  readonly firstMoments: Variables;
  readonly secondMoments: Variables;
}

/** @param scale factor on the gradient */
export function adamWStep(
  tf: TensorFlow,
  weights: Variables,
  gradients: Variables,
  state: DeviceOptimizer,
  scale: number,
  { learningRate, betas: [beta1, beta2], eps, weightDecay }: AdamWSettings,
): void {
  state.steps += 1;
  const deviationScale = Math.sqrt(1 - beta2 ** state.steps);
  const scalars = {
    learningRate: (learningRate * deviationScale) / (1 - beta1 ** state.steps),
    beta1,
    beta2,
    epsilon: eps * deviationScale,
  };
  for (const name of weights.names) {
    tf.tidy(() => {
      const handles = [weights, state.firstMoments, state.secondMoments].map((variables) => variables.handle(name));
      assign(tf, weights.handle(name), mul(tf, weights.read(name), scalar(tf, 1 - learningRate * weightDecay)));
      const gradient = mul(tf, gradients.read(name), scalar(tf, scale));
      applyAdam(tf, handles as [(typeof handles)[0], (typeof handles)[0], (typeof handles)[0]], gradient, scalars);
    });
  }
}
