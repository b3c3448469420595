/**
 * AdamW with global-norm clipping in its reference form (algorithm.md 7; Loshchilov & Hutter, 2019), on doubles: what the learner's graph
 * is checked against.
 * Authors' code: torch.optim.AdamW, weight decay on all parameters, gradient scaled by min(1, maxNorm / (norm + 1e-6)); a
 * non-finite norm skips the step completely. **Ours:** the run stops then as well, which is the caller's part.
 */

export interface AdamWSettings {
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** On all parameters. */
  readonly weightDecay: number;
  readonly maxGradNorm: number;
}

export interface AdamWState {
  /** Steps taken. */
  readonly steps: number;
  /** One flat tensor per parameter. */
  readonly params: readonly Float64Array[];
  readonly firstMoments: readonly Float64Array[];
  readonly secondMoments: readonly Float64Array[];
}

export function startAdamW(params: readonly ArrayLike<number>[]): AdamWState {
  const zeros = (): Float64Array[] => params.map(({ length }) => new Float64Array(length));
  return { steps: 0, params: params.map((p) => Float64Array.from(p)), firstMoments: zeros(), secondMoments: zeros() };
}

/** 2-norm over all tensors together. */
export function globalNorm(gradients: readonly ArrayLike<number>[]): number {
  let squares = 0;
  for (const gradient of gradients) for (let i = 0; i < gradient.length; i += 1) squares += gradient[i] ** 2;
  return Math.sqrt(squares);
}

/** One step; the same state when the gradient's norm is not finite. */
export function adamWStep(
  state: AdamWState,
  gradients: readonly ArrayLike<number>[],
  { learningRate, betas: [beta1, beta2], eps, weightDecay, maxGradNorm }: AdamWSettings,
): { state: AdamWState; gradNorm: number } {
  const gradNorm = globalNorm(gradients);
  if (!Number.isFinite(gradNorm)) return { state, gradNorm };

  const scale = Math.min(1, maxGradNorm / (gradNorm + 1e-6));
  const steps = state.steps + 1;
  const firstMoments = decay(state.firstMoments, beta1, (tensor, i) => gradients[tensor][i] * scale);
  const secondMoments = decay(state.secondMoments, beta2, (tensor, i) => (gradients[tensor][i] * scale) ** 2);
  const stepSize = learningRate / (1 - beta1 ** steps);
  const deviationScale = Math.sqrt(1 - beta2 ** steps);
  const params = state.params.map((param, tensor) =>
    param.map((value, i) => {
      const deviation = Math.sqrt(secondMoments[tensor][i]) / deviationScale + eps;
      return value * (1 - learningRate * weightDecay) - (stepSize * firstMoments[tensor][i]) / deviation;
    }),
  );
  return { state: { steps, params, firstMoments, secondMoments }, gradNorm };
}

function decay(
  moments: readonly Float64Array[],
  beta: number,
  sample: (tensor: number, index: number) => number,
): Float64Array[] {
  return moments.map((moment, tensor) => moment.map((value, i) => beta * value + (1 - beta) * sample(tensor, i)));
}
