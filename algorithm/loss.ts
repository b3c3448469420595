/**
 * The policy loss in its reference form (algorithm.md 7), on doubles, with its gradient: what the learner's graph is checked against.
 *
 * Paper (section 4): token-level clipped policy gradient with clip-higher and a small KL term.
 * Authors' code, where the paper is silent: dual clip, clamps on log-ratios, the k3 estimator inside the loss, no entropy bonus.
 * **Ours:** one mean over all response tokens of the mini-batch, whatever the micro-batches.
 */

export interface PolicyLossSettings {
  /** The ratio is clipped to [1 - clipLow, 1 + clipHigh]. */
  readonly clipLow: number;
  readonly clipHigh: number;
  /** Bound on the loss of a token with negative advantage, as a multiple of -A; > 1. */
  readonly dualClip: number;
  readonly klWeight: number;
}

/** One entry per token of the mini-batch, in any order. */
export interface PolicyLossTokens {
  readonly logProbs: ArrayLike<number>;
  readonly oldLogProbs: ArrayLike<number>;
  readonly refLogProbs: ArrayLike<number>;
  readonly advantages: ArrayLike<number>;
  /** How many times the token counts; entries of tokens with weight 0 may hold anything. */
  readonly weights: ArrayLike<number>;
  /** What the weighted sums are divided by, where these tokens are part of a larger mini-batch; default: sum of weights + 1e-8. */
  readonly total?: number;
}

export interface PolicyLoss {
  /** policyLoss + klWeight * kl. */
  readonly loss: number;
  readonly policyLoss: number;
  /** Token mean of the clamped k3. */
  readonly kl: number;
  /** Share of tokens where the clipped ratio decides. */
  readonly clipFraction: number;
  /** Share of tokens where the dual clip decides. */
  readonly clipFractionLower: number;
  /** Mean of -(logp - logpOld), clamped. */
  readonly approxKl: number;
  /** d loss / d logProbs, one per token; 0 where the weight is 0. */
  readonly gradient: Float64Array;
}

const MAX_LOG_RATIO = 20;
const MAX_K3 = 10;
const MEAN_EPSILON = 1e-8;

/** All means are weighted sums over (sum of weights + 1e-8); without any token everything is 0. */
export function policyLoss(tokens: PolicyLossTokens, settings: PolicyLossSettings): PolicyLoss {
  const count = tokens.logProbs.length;
  const total = tokens.total ?? sumOf(tokens.weights, MEAN_EPSILON);

  const gradient = new Float64Array(count);
  const mean = { policyLoss: 0, kl: 0, clipFraction: 0, clipFractionLower: 0, approxKl: 0 };
  for (let t = 0; t < count; t += 1) {
    const share = tokens.weights[t] / total;
    if (share === 0) continue;
    const logProb = tokens.logProbs[t];
    const policy = policyTerm(logProb - tokens.oldLogProbs[t], tokens.advantages[t], settings);
    const kl = klTerm(tokens.refLogProbs[t] - logProb);
    mean.policyLoss += share * policy.value;
    mean.kl += share * kl.value;
    mean.clipFraction += policy.clipped ? share : 0;
    mean.clipFractionLower += policy.dualClipped ? share : 0;
    mean.approxKl -= share * policy.logRatio;
    gradient[t] = share * (policy.slope + settings.klWeight * kl.slope);
  }
  return { loss: mean.policyLoss + settings.klWeight * mean.kl, ...mean, gradient };
}

function sumOf(values: ArrayLike<number>, start: number): number {
  let sum = start;
  for (let i = 0; i < values.length; i += 1) sum += values[i];
  return sum;
}

/** Loss of one token and its slope in logp. */
function policyTerm(difference: number, advantage: number, { clipLow, clipHigh, dualClip }: PolicyLossSettings) {
  const logRatio = clamp(difference, MAX_LOG_RATIO);
  const ratio = Math.exp(logRatio);
  const plain = -advantage * ratio;
  const bounded = -advantage * Math.min(Math.max(ratio, 1 - clipLow), 1 + clipHigh);
  const ceiling = -advantage * dualClip;
  const clipped = bounded > plain;
  const worst = clipped ? bounded : plain;
  const dualClipped = advantage < 0 && worst > ceiling;
  const flat = clipped || dualClipped || logRatio !== difference;
  return { value: dualClipped ? ceiling : worst, slope: flat ? 0 : plain, clipped, dualClipped, logRatio };
}

/** k3 = exp(d) - d - 1 of d = logpRef - logp, and its slope in logp; both clamps stop the gradient. */
function klTerm(difference: number) {
  const d = clamp(difference, MAX_LOG_RATIO);
  const k3 = Math.exp(d) - d - 1;
  const value = clamp(k3, MAX_K3);
  return { value, slope: d !== difference || value !== k3 ? 0 : 1 - Math.exp(d) };
}

function clamp(value: number, bound: number): number {
  return Math.min(Math.max(value, -bound), bound);
}
