import { expect, test } from 'vitest';
import { lastBoxed, rewardOf } from '../../tasks/reward.js';

test('only what follows the last think end counts', () => {
  expect(rewardOf('<think>so \\boxed{5}</think>\n\n\\boxed{4}', '5').reward).toBe(0);
  expect(rewardOf('<think>a</think> \\boxed{4} <think>b</think> \\boxed{5}', '5').reward).toBe(1);
  expect(rewardOf('<think>a</think> \\boxed{5} <think>b</think> done', '5').reason).toBe('no boxed answer');
  expect(rewardOf('no thinking \\boxed{5}', '5').reward).toBe(1);
});

test('the last box is the answer, and a broken last box is none', () => {
  expect(lastBoxed('\\boxed{1} then \\boxed{\\frac{1}{2}}!')).toBe('\\frac{1}{2}');
  expect(lastBoxed('\\boxed{5} \\boxed{x')).toBeUndefined();
  expect(lastBoxed('\\boxed{5}\\boxed')).toBeUndefined();
  expect(lastBoxed('\\boxed {5}')).toBeUndefined();
  expect(lastBoxed('')).toBeUndefined();
});

test('any ground truth may match, boxed ones are unboxed', () => {
  expect(rewardOf('\\boxed{2}', ['3', '2']).reward).toBe(1);
  expect(rewardOf('\\boxed{3/4}', ['so \\boxed{\\frac{3}{4}}']).reward).toBe(1);
  expect(rewardOf('\\boxed{2}', []).reward).toBe(0);
  expect(rewardOf('\\boxed{}', ['', ' ']).reward).toBe(0);
});
