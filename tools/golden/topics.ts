/** All topics by the name that their files carry. */
import { adsTopic } from './ads.js';
import { branchTopic } from './branch.js';
import { fciTopic } from './fci.js';
import { generateTopic } from './generate.js';
import { grpoTopic } from './grpo.js';
import { lossTopic } from './loss.js';
import { rewardTopic } from './reward.js';
import { stepsTopic } from './steps.js';
import type { Topic } from './topic.js';
import { treeTopic } from './tree.js';
import { updateTopic } from './update.js';

export const topics: Readonly<Record<string, Topic>> = {
  steps: stepsTopic,
  fci: fciTopic,
  branch: branchTopic,
  tree: treeTopic,
  ads: adsTopic,
  loss: lossTopic,
  grpo: grpoTopic,
  reward: rewardTopic,
  generate: generateTopic,
  update: updateTopic,
};
