/** What an iteration record looks like, for checking one and for docs/iteration-record.schema.json, which is made of this. */
import { z } from 'zod';
import type { ArtifactKind, ArtifactRef } from './artifact-ref.js';
import type { IterationRecord } from './iteration-record.js';
import { STEERING_UPDATES, type SteeringEvent, type SteeringUpdate } from '../protocol/steering.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

function artifact<Kind extends ArtifactKind>(kind: Kind, what: string): z.ZodType<ArtifactRef<Kind>> {
  return z.strictObject({ sha256, bytes: count, kind: z.literal(kind) }).describe(what);
}

const cursor = z.strictObject({ epoch: count, offset: count });

const mean = z.strictObject({
  count,
  sum: z.array(z.number()).describe('Non-overlapping doubles whose exact sum it is'),
});

const controller = z.strictObject({
  batchSize: z.int().min(1).describe('B: problems in the next draw'),
  means: z
    .strictObject({ allCorrect: mean, allWrong: mean })
    .describe('Running means of phi over problems whose responses were all right, or all wrong'),
});

const update = z.strictObject({
  steps: count.describe('Optimiser steps'),
  loss: z.number(),
  kl: z.number().nullable().describe('Null without a reference'),
  entropy: z.number(),
  clipFraction: z.number(),
  gradNorm: z.number().describe('Mean over the steps, before clipping'),
  tokens: z.number(),
});

const share = z.number().min(0).max(1);

const steps = z.strictObject({
  perResponse: z.number().describe('Mean number of steps'),
  withoutInfluence: share.describe('Of responses without a step whose FCI is above 0'),
  cutBy: z
    .strictObject({ 'blank-line': share, line: share, sentence: share, token: share })
    .describe('Shares of responses by what they were cut at'),
});

const metrics = z.strictObject({
  problems: count,
  skippedPrompts: count.describe('Prompts over the limit that the draw passed over'),
  responses: count,
  accuracy: z.number().describe('Share of correct initial responses'),
  reward: z.number().describe('Mean over all leaves'),
  meanFci: z.number().nullable().describe('Null where the responses were not scored'),
  steps: steps.optional().describe('Of the initial responses; absent in records of older versions'),
  branchPoints: count,
  branches: count,
  dropped: z
    .strictObject({ lowInfluence: count, allCorrect: count, allWrong: count, noRows: count })
    .describe('Problems without training rows, by reason'),
  leaves: count.describe('V: training paths'),
  validTokens: count,
  nextBatchSize: count,
  update: update.nullable().describe('Null where nothing was left to train on'),
});

const steeringEvent = z.strictObject({
  update: z.enum(Object.keys(STEERING_UPDATES) as SteeringUpdate[]),
  value: z.number().nullable().describe('Iterations in all, or the learning rate'),
  fromIteration: z.int().min(0).describe('The first iteration that goes by it'),
  identity: z.string().describe('Who sent it'),
  time: z.string().describe('When the workflow took it: ISO 8601, UTC'),
  updateId: z.string().describe("Finds it in the workflow's history"),
}) satisfies z.ZodType<SteeringEvent>;

export const iterationRecord = z
  .strictObject({
    schema: z.literal(2),
    iteration: count.describe('m: policy m becomes policy m+1'),
    previous: artifact(
      'iteration-record',
      'The record of the iteration before; in the first of a fork, one of its parent',
    )
      .nullable()
      .describe('Null in the first'),
    manifest: artifact('manifest', 'Configuration, base policy, data set size, first controller state, parent'),
    configHash: sha256.describe('SHA-256 of the canonical JSON (RFC 8785) of the configuration'),
    seed: count.describe('With iteration, place of the problem, response and branch it keys every random number'),
    initial: z.strictObject({
      sampledBy: artifact('policy', 'The policy that sampled and scored the initial responses'),
      cursor: z
        .strictObject({ before: cursor, after: cursor })
        .describe('Place in the order of problems, around the draw'),
      problems: artifact('problems', 'Drawn problems: index in the data set, prompt tokens, ground truth'),
      responses: artifact('tokens', 'Initial responses: tokens and log-probs as sampled'),
      verdicts: artifact('verdicts', 'Reward of each response and its reason'),
      scores: artifact(
        'scores',
        'End of each step; where responses are scored its FCI, and log-prob and entropy of each token',
      ),
    }),
    branches: z
      .strictObject({
        points: artifact(
          'branch-points',
          'Mean influence of each problem, whether it is dropped for it; the responses that are branched and why; their branch points, each with its reason',
        ),
        rollouts: artifact('tokens', 'Branches: tokens and log-probs as sampled'),
        verdicts: artifact('verdicts', 'Reward of each branch and its reason'),
        scores: artifact('scores', 'Log-prob and entropy of each new token'),
      })
      .nullable()
      .describe('Null in GRPO'),
    tree: artifact(
      'tree',
      'Per problem: nodes with values and advantages, leaves with rewards, why it is dropped if it is',
    ),
    rows: artifact('rows', 'The training rows: packed trees with tokens, weights, advantages, old log-probs'),
    controller: z.strictObject({ before: controller, after: controller }).describe('State of adaptive sampling'),
    policy: z.strictObject({
      before: artifact('policy', 'Policy m: weights, optimiser state, tokenizer'),
      after: artifact('policy', 'Policy m+1; policy m where nothing was left to train on'),
    }),
    metrics,
    learningRate: z.number().nullable().describe("The update's, where a user set it; null: the configuration's"),
    steering: z.array(steeringEvent).describe('Updates that the run took since the record before, in order'),
  })
  .describe(
    'One iteration of a run: every input, decision and output, by the SHA-256 of artifacts. Free of clocks and names of ' +
      'runs and machines, so that the same configuration gives the same chain; those are in the iteration-provenance, which ' +
      'names the record: phase times, attempts, workers with code version, engine and hardware.',
  ) satisfies z.ZodType<IterationRecord>;
