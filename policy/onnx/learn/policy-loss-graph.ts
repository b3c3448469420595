/** The policy loss of spec section 7 in the graph; `algorithm/loss.ts` is its reference form. */
import type { PolicyLossSettings } from '../../../algorithm/loss.js';
import type { Graph, Value } from '../graph.js';
import { add, clip, exp, less, max, min, mul, neg, reduceSum, sub, where } from '../operators.js';

/** One entry per trained token, all [N]. */
export interface PolicyLossInputs {
  readonly logProbs: Value;
  /** Absent where they are `logProbs`. */
  readonly oldLogProbs?: Value;
  /** Absent where klWeight is 0. */
  readonly refLogProbs?: Value;
  readonly advantages: Value;
  /** Weight of the token / (sum of weights of the mini-batch + 1e-8): sums over micro-batches are means over all. */
  readonly shares: Value;
}

const MAX_LOG_RATIO = 20;
const MAX_K3 = 10;

export function policyLossGraph(g: Graph, tokens: PolicyLossInputs, settings: PolicyLossSettings): Value {
  const { logProbs, refLogProbs, shares } = tokens;
  let perToken = clippedLoss(g, tokens, settings);
  if (refLogProbs) {
    const d = clip(g, sub(g, refLogProbs, logProbs), -MAX_LOG_RATIO, MAX_LOG_RATIO);
    const k3 = clip(g, sub(g, sub(g, exp(g, d), d), g.float(1)), -MAX_K3, MAX_K3);
    perToken = add(g, perToken, mul(g, k3, g.float(settings.klWeight)));
  }
  return reduceSum(g, mul(g, perToken, shares), [0]);
}

/** [N]; without old log-probs only its slope is right, which is that of the policy gradient: ratios are 1, and nothing is clipped. */
function clippedLoss(g: Graph, tokens: PolicyLossInputs, settings: PolicyLossSettings): Value {
  const { logProbs, oldLogProbs, advantages } = tokens;
  const loss = neg(g, advantages);
  if (!oldLogProbs) return mul(g, loss, logProbs);
  const ratio = exp(g, clip(g, sub(g, logProbs, oldLogProbs), -MAX_LOG_RATIO, MAX_LOG_RATIO));
  const clipped = clip(g, ratio, 1 - settings.clipLow, 1 + settings.clipHigh);
  const worst = max(g, mul(g, loss, ratio), mul(g, loss, clipped));
  const bounded = min(g, worst, mul(g, loss, g.float(settings.dualClip)));
  return where(g, less(g, advantages, g.float(0)), bounded, worst);
}
