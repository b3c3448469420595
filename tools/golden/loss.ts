/** Topic `loss`: the policy loss with its gradient, and AdamW. */
import { z } from 'zod';
import { adamWStep, startAdamW } from '../../algorithm/adamw.js';
import { policyLoss } from '../../algorithm/loss.js';
import type { PolicyLoss } from '../../algorithm/loss.js';
import { closely } from './compare.js';
import { checkCase, real, reals } from './topic.js';
import type { Topic } from './topic.js';

/** [sequence][response token] */
const matrix = z.array(reals);

const lossInputs = z.object({
  clip_low: z.number(),
  clip_high: z.number(),
  dual_clip: z.number(),
  kl_weight: z.number(),
  logp: matrix,
  logp_old: matrix,
  logp_ref: matrix,
  advantages: matrix,
  mask: matrix,
});

const policyCase = lossInputs.extend({
  expected: z.object({
    loss: real,
    pg_loss: real,
    kl: real,
    pg_clipfrac: real,
    pg_clipfrac_lower: real,
    ppo_kl: real,
    grad_logp: matrix,
  }),
});

const microBatchesCase = lossInputs.extend({
  expected: z.object({ spec_token_mean: z.object({ loss: real, grad_logp: matrix }) }),
});

/** Tensors of any rank, flattened. */
const tensors = z.array(z.array(z.unknown()).transform((tensor) => reals.parse(tensor.flat(Infinity))));

const adamwCase = z.object({
  lr: z.number(),
  betas: z.tuple([z.number(), z.number()]),
  eps: z.number(),
  weight_decay: z.number(),
  max_grad_norm: z.number(),
  params: tensors,
  grads_per_step: z.array(tensors),
  expected: z.object({ grad_norm_per_step: reals, params_after_each_step: z.array(tensors), total_change: tensors }),
});

const DOUBLES = { relative: 1e-9, absolute: 1e-9 };
/** Changes are as small as the learning rate, so only the relative part may forgive. */
const CHANGES = { relative: 1e-5, absolute: 1e-13 };

export const lossTopic: Topic = {
  policy: checkCase(policyCase, ({ expected, ...inputs }) => {
    const result = lossOf(inputs);
    const actual = {
      loss: result.loss,
      pg_loss: result.policyLoss,
      kl: result.kl,
      pg_clipfrac: result.clipFraction,
      pg_clipfrac_lower: result.clipFractionLower,
      ppo_kl: result.approxKl,
      grad_logp: result.gradient,
    };
    return closely('', actual, { ...expected, grad_logp: expected.grad_logp.flat() });
  }),

  micro_batches: checkCase(microBatchesCase, ({ expected: { spec_token_mean: expected }, ...inputs }) => {
    const { loss, gradient } = lossOf(inputs);
    return [...closely('loss', loss, expected.loss), ...closely('grad_logp', gradient, expected.grad_logp.flat())];
  }),

  adamw: checkCase(adamwCase, ({ params, grads_per_step, expected, ...given }) => {
    const settings = {
      learningRate: given.lr,
      betas: given.betas,
      eps: given.eps,
      weightDecay: given.weight_decay,
      maxGradNorm: given.max_grad_norm,
    };
    let state = startAdamW(params);
    const differences = grads_per_step.flatMap((gradients, step) => {
      const taken = adamWStep(state, gradients, settings);
      state = taken.state;
      return [
        ...closely(`step ${step} grad_norm`, taken.gradNorm, expected.grad_norm_per_step[step]),
        ...closely(`step ${step} params`, state.params, expected.params_after_each_step[step], DOUBLES),
      ];
    });
    const change = state.params.map((param, p) => param.map((value, i) => value - params[p][i]));
    return [...differences, ...closely('total_change', change, expected.total_change, CHANGES)];
  }),
};

function lossOf(inputs: z.infer<typeof lossInputs>): PolicyLoss {
  return policyLoss(
    {
      logProbs: inputs.logp.flat(),
      oldLogProbs: inputs.logp_old.flat(),
      refLogProbs: inputs.logp_ref.flat(),
      advantages: inputs.advantages.flat(),
      weights: inputs.mask.flat(),
    },
    {
      clipLow: inputs.clip_low,
      clipHigh: inputs.clip_high,
      dualClip: inputs.dual_clip,
      klWeight: inputs.kl_weight,
    },
  );
}
