/** Topic `reward`: verdicts of the verifier on whole responses. */
import { z } from 'zod';
import { rewardOf } from '../../tasks/reward.js';
import { bit, checkCase } from './topic.js';
import type { Topic } from './topic.js';

const rewardCase = z.object({
  category: z.string(),
  response: z.string(),
  ground_truth: z.union([z.string(), z.array(z.string())]),
  expected: bit,
});

export const rewardTopic: Topic = {
  reward: checkCase(rewardCase, ({ category, response, ground_truth, expected }) => {
    const { reward, reason } = rewardOf(response, ground_truth);
    return reward === expected ? [] : [`${category}: got ${reward} (${reason}), expected ${expected}`];
  }),
};
