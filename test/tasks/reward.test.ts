import { describe, expect, test } from 'vitest';
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

const raw = String.raw;

describe('answer: "anywhere"', () => {
  test.each([
    ['The answer is $5$.', '5'],
    ['We try 1, 2, 3 and then 5', '5'],
    ['the final answer is $5$. I hope it is correct.', '5'],
    ['Therefore x = 5', '5'],
    ['**Final Answer** 5', '5'],
    ['**5**', '5'],
    ['5', '5'],
    ['The answer is 5. We checked it for n = 1, 2 and 3.', '5'],
    [raw`The answer is \frac{1}{2}`, raw`\frac{1}{2}`],
    ['The probability is 1/2.', raw`\frac{1}{2}`],
    ['It is (1 + 3) / 8.', '0.5'],
    ['The probability is 50%.', '0.5'],
    ['He pays $1,250.50 in all', '1250.5'],
    [raw`So \[x = 18+2\pi\] which was to be found.`, raw`18+2\pi`],
    [raw`Hence \(M=2^{N-2}+1\).`, '$M=2^{N-2}+1$'],
    ['The answer is $10^{100}$,$10^{1 / 100}$.', '$10^{100}$,$10^{1 / 100}$'],
    ['so $1$, $2$ or $3$', '1, 2, 3'],
    [raw`\boxed{5} \boxed{x`, '5'],
    [raw`\boxed{5} (see \boxed{`, '5'],
    ['<think>cut off in the middle: 3 + 2 = 5', '5'],
    ['The answer is 7', raw`\boxed{7}`],
  ])('%s is right where the truth is %s, and no answer in a box', (text, truth) => {
    expect(rewardOf(text, truth, 'anywhere')).toEqual({ reward: 1, reason: 'correct' });
    expect(rewardOf(text, truth).reason).toBe('no boxed answer');
  });

  test.each([
    ['The answer is six.', 'no answer'],
    ['The answer is one half.', 'no answer'],
    ['', 'no answer'],
    [raw`\fbox{5}`, 'no answer'],
    ['boxed{5}', 'no answer'],
    ['XY5', 'no answer'],
    ['The answer is 6, and not 5.', 'wrong answer'],
    ['<think>3 + 2 = 5 and 5 + 1 = 6', 'wrong answer'],
    ['5</think> done', 'no answer'],
    [raw`The answer is 5. \boxed{6}`, 'wrong answer'],
    ['1 '.repeat(50_000), 'wrong answer'],
  ])('%s: %s', (text, reason) => {
    expect(rewardOf(text, '5', 'anywhere')).toEqual({ reward: 0, reason });
  });

  test('a long text costs no more than a part of a second', () => {
    for (const piece of ['$', '\\[', '\\(', '$x', '\\frac{', '1,', '-', '(', '1+', 'answer ', '** ', '$1$,']) {
      const start = performance.now();
      rewardOf(piece.repeat(1_000_000 / piece.length), '5', 'anywhere');
      expect(performance.now() - start).toBeLessThan(2000);
    }
  });
});
