/** Topic `steps`: cutting responses into steps. */
import { z } from 'zod';
import { splitSteps } from '../../algorithm/steps.js';
import { exactly } from './compare.js';
import { checkCase, integers, stepRanges } from './topic.js';
import type { Topic } from './topic.js';

const stepsCase = z.object({
  prompt_len: z.int(),
  response_ids: integers,
  response_texts: z.array(z.string()),
  think_end_id: z.int(),
  expected: z.object({
    step_ranges: stepRanges,
    num_response_steps: z.int(),
    level: z.enum(['blank_line', 'newline', 'every_token']),
    think_end_token: z.int(),
    think_end_step: z.int(),
  }),
});

/** What the golden files call it; they know no sentences. */
const LEVELS = { 'blank-line': 'blank_line', line: 'newline', sentence: undefined, token: 'every_token' } as const;

export const stepsTopic: Topic = {
  steps: checkCase(stepsCase, ({ prompt_len, response_ids, response_texts, think_end_id, expected }) => {
    const steps = splitSteps({
      promptLength: prompt_len,
      ids: response_ids,
      texts: response_texts,
      thinkEndId: think_end_id,
    });
    const actual = {
      step_ranges: steps.stepRanges,
      num_response_steps: steps.stepRanges.length - 1,
      level: LEVELS[steps.cutBy],
      think_end_token: steps.thinkEndToken,
      think_end_step: steps.thinkEndStep,
    };
    return exactly('', actual, expected);
  }),
};
