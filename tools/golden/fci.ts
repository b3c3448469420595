/** Topic `fci`: influence from attention, and the whole scoring pass of the engine. */
import { join } from 'node:path';
import { z } from 'zod';
import { influenceFromAttention, influenceOfHead, poolAttention } from '../../algorithm/influence.js';
import { splitSteps } from '../../algorithm/steps.js';
import { openCheckpoint } from './checkpoint.js';
import { closely, exactly } from './compare.js';
import { checkCase, integers, reals, stepRanges } from './topic.js';
import type { Topic } from './topic.js';

const matrix = z.array(reals);
const perHead = z.array(z.array(matrix));

const pureCase = z.object({
  seq_len: z.int(),
  delta: z.int(),
  step_ranges: stepRanges,
  think_end_step: z.int(),
  /** [layer][head][query][key] */
  attn: perHead,
  expected: z.object({ A: perHead, y: z.array(matrix), fci: reals }),
});

const endToEndCase = z.object({
  checkpoint: z.string(),
  temperature: z.number(),
  think_end_id: z.int(),
  prompt_ids: integers,
  response_ids: integers,
  expected: z.object({
    step_ranges: stepRanges,
    think_end_step: z.int(),
    fci: reals,
    logprobs: reals,
    entropies: reals,
  }),
});

const ENGINE = { relative: 1e-4, absolute: 1e-4 };

export const fciTopic: Topic = {
  pure: checkCase(pureCase, ({ seq_len, delta, step_ranges, think_end_step, attn, expected }) => {
    const heads = attn.map((layer) => layer.map((head) => head.flat()));
    const pooled = heads.map((layer) => layer.map((head) => poolAttention(head, step_ranges, seq_len)));
    const influence = pooled.map((layer) => layer.map((head) => influenceOfHead(head, step_ranges.length, delta)));
    const fci = influenceFromAttention(heads.flat(), step_ranges, seq_len, { delta, thinkEndStep: think_end_step });
    return [
      ...closely(
        'A',
        pooled,
        expected.A.map((layer) => layer.map((head) => head.flat())),
      ),
      ...closely('y', influence, expected.y),
      ...closely('fci', fci, expected.fci),
    ];
  }),

  // `last_logits` is not looked at: logits do not leave the engine, log-probs and entropies stand for them.
  end_to_end: checkCase(endToEndCase, async (goldenCase, { directory, engines }) => {
    const { prompt_ids, response_ids, temperature, expected } = goldenCase;
    const { inference } = await engines();
    const { policy, tokenTexts } = await openCheckpoint(join(directory, goldenCase.checkpoint));
    const steps = splitSteps({
      promptLength: prompt_ids.length,
      ids: response_ids,
      texts: response_ids.map((id) => tokenTexts[id]),
      thinkEndId: goldenCase.think_end_id,
    });
    await inference.load(policy);
    const [score] = await inference.score(policy.id, [
      {
        tokens: Int32Array.from([...prompt_ids, ...response_ids]),
        promptLength: prompt_ids.length,
        temperature,
        stepRanges: steps.stepRanges,
        thinkEndStep: steps.thinkEndStep,
      },
    ]);
    return [
      ...exactly('step_ranges', steps.stepRanges, expected.step_ranges),
      ...exactly('think_end_step', steps.thinkEndStep, expected.think_end_step),
      ...closely('fci', score.fci, expected.fci, ENGINE),
      ...closely('logprobs', score.logProbs, expected.logprobs, ENGINE),
      ...closely('entropies', score.entropies, expected.entropies, ENGINE),
    ];
  }),
};
