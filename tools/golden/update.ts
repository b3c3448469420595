/** Topic `update`: optimiser steps on one mini-batch, and the policy that comes out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { PolicyFiles, TrainingSequence } from '../../contracts/engine/engine.js';
import { hashOf, openCheckpoint } from './checkpoint.js';
import { closely } from './compare.js';
import type { Tolerance } from './compare.js';
import type { GoldenEngines, InspectableLearner } from './engines.js';
import { checkCase, integers, real, reals } from './topic.js';
import type { Topic } from './topic.js';

const sequence = z.object({
  prompt_len: z.int(),
  token_ids: integers,
  advantages: reals,
  log_probs_old: reals,
  log_probs_ref: reals,
});

const updateCase = z.object({
  checkpoint: z.string(),
  config: z.object({
    temperature: z.number(),
    clip_low: z.number(),
    clip_high: z.number(),
    dual_clip: z.number(),
    kl_weight: z.number(),
    learning_rate: z.number(),
    betas: z.tuple([z.number(), z.number()]),
    eps: z.number(),
    weight_decay: z.number(),
    max_grad_norm: z.number(),
    steps: z.int(),
  }),
  sequences: z.array(sequence),
  expected: z.object({
    steps: z.array(
      z.object({
        loss: real,
        pg_loss: real,
        kl: real,
        grad_norm: real,
        clipped_grad_norms: z.record(z.string(), real),
      }),
    ),
    log_probs_after: z.array(reals),
  }),
});
type UpdateCase = z.infer<typeof updateCase>;

/** The absolute part covers numbers near zero: a norm of 5e-5 comes out of sums of numbers near 1. */
const FIRST_STEP: Tolerance = { relative: 1e-4, absolute: 1e-5 };
/** AdamW amplifies rounding where gradients are near zero. */
const LATER: Tolerance = { relative: 2e-3, absolute: 2e-3 };

/** One micro-batch, whatever the case. */
const TOKEN_BUDGET = 1 << 16;

export const updateTopic: Topic = {
  update: checkCase(updateCase, async (goldenCase, { directory, engines }) => {
    const opened = await engines();
    const { policy } = await openCheckpoint(join(directory, goldenCase.checkpoint));
    await opened.learner.load({ policy, reference: policy });
    const differences: string[] = [];
    for (let step = 0; step < goldenCase.config.steps; step += 1) {
      differences.push(...(await stepDifferences(opened.learner, goldenCase, step)));
    }
    return [...differences, ...(await policyDifferences(opened, policy, goldenCase))];
  }),
};

async function stepDifferences(learner: InspectableLearner, { config, sequences, expected }: UpdateCase, step: number) {
  const metrics = await learner.update(
    sequences.map(asTrainingSequence),
    {
      clipLow: config.clip_low,
      clipHigh: config.clip_high,
      dualClip: config.dual_clip,
      klWeight: config.kl_weight,
      temperature: config.temperature,
    },
    {
      learningRate: config.learning_rate,
      betas: config.betas,
      eps: config.eps,
      weightDecay: config.weight_decay,
      maxGradNorm: config.max_grad_norm,
    },
    TOKEN_BUDGET,
  );
  const { clipped_grad_norms, ...wanted } = expected.steps[step];
  const actual = {
    loss: metrics.loss,
    pg_loss: metrics.policyLoss,
    kl: metrics.kl,
    grad_norm: metrics.gradNorm,
  };
  const tolerance = step === 0 ? FIRST_STEP : LATER;
  const norms = await learner.lastGradNorms?.();
  return [
    ...closely(`step ${step}`, actual, wanted, tolerance),
    ...(norms ? closely(`step ${step} clipped_grad_norms`, norms, clipped_grad_norms, tolerance) : []),
  ];
}

/** Saves the updated policy and scores the same sequences with it. */
async function policyDifferences(
  { learner, inference }: GoldenEngines,
  { config: model }: PolicyFiles,
  goldenCase: UpdateCase,
) {
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-golden-'));
  try {
    const weights = [join(folder, 'model.safetensors')];
    await learner.save(weights[0], join(folder, 'optimizer.safetensors'));
    const policy: PolicyFiles = { id: await hashOf(weights), config: model, weights };
    await inference.load(policy);
    const scores = await inference.score(
      policy.id,
      goldenCase.sequences.map(({ token_ids, prompt_len }) => ({
        tokens: Int32Array.from(token_ids),
        promptLength: prompt_len,
        temperature: goldenCase.config.temperature,
      })),
    );
    const logProbs = scores.map((score) => score.logProbs);
    return closely('log_probs_after', logProbs, goldenCase.expected.log_probs_after, LATER);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A sequence without branches: prompt tokens weigh 0, response tokens 1. */
function asTrainingSequence(given: z.infer<typeof sequence>): TrainingSequence {
  const { token_ids, prompt_len } = given;
  const afterPrompt = (values: readonly number[]) =>
    Float32Array.from([...new Array<number>(prompt_len).fill(0), ...values]);
  return {
    tokens: Int32Array.from(token_ids),
    predecessors: Int32Array.from(token_ids, (_, t) => t - 1),
    weights: Float32Array.from(token_ids, (_, t) => (t < prompt_len ? 0 : 1)),
    advantages: afterPrompt(given.advantages),
    oldLogProbs: afterPrompt(given.log_probs_old),
    refLogProbs: afterPrompt(given.log_probs_ref),
  };
}
