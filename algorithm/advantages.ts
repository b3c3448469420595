/**
 * Advantages (algorithm.md 5).
 *
 * Process advantage. Paper (section 3.3, after TreeRL): gain of the node over the root plus gain over its parent, divided by
 * the square root of its number of leaves, which balances that a shared prefix occurs once per leaf.
 * Left out: the original TreeRL's leave-one-out rewards and masks.
 *
 * GRPO (DeepSeekMath): reward against the group's mean and deviation; a group of one has mean 0 and deviation 1, as in the
 * authors' framework.
 */

import type { Tree } from './tree.js';

/** A(s) = [(V(s) - V(root)) + (V(s) - V(parent))] / sqrt(L(s)), one per node; every token of the node carries it. */
export function processAdvantages({ nodes, rootValue }: Tree): number[] {
  return nodes.map(({ parent, value, leaves }) => {
    const parentValue = parent < 0 ? rootValue : nodes[parent].value;
    return (value - rootValue + (value - parentValue)) / Math.sqrt(leaves);
  });
}

/** (r - mean) / (std + epsilon) of one group, std with n - 1; one per reward. All equal: exactly 0. */
export function groupAdvantages(rewards: readonly number[], epsilon = 1e-6): number[] {
  const [first] = rewards;
  if (rewards.length === 1) return [first / (1 + epsilon)];
  if (rewards.every((reward) => reward === first)) return rewards.map(() => 0);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  const squares = rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / (rewards.length - 1));
  return rewards.map((reward) => (reward - mean) / (deviation + epsilon));
}
