/** Topic `branch`: where a response is branched, by attention and by entropy. */
import { z } from 'zod';
import { branchByAttention, branchByEntropy } from '../../algorithm/branching.js';
import { closely, exactly } from './compare.js';
import { checkCase, integers, real, reals, stepRanges } from './topic.js';
import type { Topic } from './topic.js';

const attentionCase = z.object({
  prompt_len: z.int(),
  step_ranges: stepRanges,
  fci: reals,
  n_points: z.int(),
  min_token_distance: z.int(),
  quantile: z.number(),
  expected: z.object({
    threshold: real,
    candidates: integers,
    steps_in_order: integers,
    points_in_order: integers,
    points: integers,
  }),
});

const entropyCase = z.object({
  entropies: reals,
  n_points: z.int(),
  expected: z.object({ points: integers }),
});

export const branchTopic: Topic = {
  atb: checkCase(
    attentionCase,
    ({ prompt_len, step_ranges, fci, n_points, min_token_distance, quantile, expected }) => {
      const settings = { points: n_points, minTokenDistance: min_token_distance, quantile };
      const branching = branchByAttention(step_ranges, fci, prompt_len, settings);
      const startsInOrder = branching.steps.map((step) => step_ranges[step][0] - prompt_len);
      return [
        ...closely('threshold', branching.threshold, expected.threshold),
        ...exactly('candidates', branching.candidates, expected.candidates),
        ...exactly('steps_in_order', branching.steps, expected.steps_in_order),
        ...exactly('points_in_order', startsInOrder, expected.points_in_order),
        ...exactly('points', branching.points, expected.points),
      ];
    },
  ),

  entropy: checkCase(entropyCase, ({ entropies, n_points, expected }) =>
    exactly('points', branchByEntropy(entropies, n_points), expected.points),
  ),
};
