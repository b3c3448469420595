/** Topic `grpo`: group-relative advantages. */
import { z } from 'zod';
import { groupAdvantages } from '../../algorithm/advantages.js';
import { closely } from './compare.js';
import { checkCase, reals } from './topic.js';
import type { Topic } from './topic.js';

const grpoCase = z.object({
  group: z.array(z.union([z.string(), z.number()])),
  reward: reals,
  epsilon: z.number(),
  expected: z.object({ advantage: reals }),
});

export const grpoTopic: Topic = {
  grpo: checkCase(grpoCase, ({ group, reward, epsilon, expected }) => {
    const advantages = new Array<number>(reward.length).fill(NaN);
    for (const name of new Set(group)) {
      const rows = group.flatMap((each, row) => (each === name ? [row] : []));
      const ofGroup = groupAdvantages(
        rows.map((row) => reward[row]),
        epsilon,
      );
      rows.forEach((row, i) => (advantages[row] = ofGroup[i]));
    }
    return closely('advantage', advantages, expected.advantage);
  }),
};
