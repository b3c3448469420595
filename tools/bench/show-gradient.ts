import type { OptimizerSettings } from '../../contracts/engine/engine.js';

/** AdamW's first step is learningRate * g / (|g| + eps): with a large eps it shows the gradient g. */
export const SHOW_GRADIENT: OptimizerSettings = {
  learningRate: 1e4,
  betas: [0.9, 0.999],
  eps: 1,
  weightDecay: 0,
  maxGradNorm: 1e9,
};
