import fc from 'fast-check';
import { expect, test } from 'vitest';
import { normaliseAnswer, sameAnswer } from '../../tasks/math-answer.js';
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

test.each([
  ['\\frac12', '\\dfrac{1}{2}'],
  ['\\frac{1}{2}', '0.5'],
  ['.5', '1/2'],
  ['3\\frac14', '3.25'],
  ['\\frac{-7}{3}', '-\\frac{7}{3}'],
  ['x = 5', '5'],
  ['5 \\text{ apples}', '5'],
  ['36\\text{ cm}^2', '36'],
  ['90^\\circ', '90'],
  ['\\$58{,}500.00', '58,500'],
  ['1,234,567', '1234567'],
  ['12.5\\%', '12.5'],
  ['\\sqrt3', '\\sqrt{3}'],
  ['11\\cdot\\sqrt{2}', '11\\sqrt{2}'],
  ['{{5}}', '5.0'],
  ['033', '33'],
  ['1344.', '1344'],
  ['1.5\\times10^3', '1500'],
  ['[-0.5, 2.5]', '\\left[-\\frac{1}{2},\\frac{5}{2}\\right]'],
  ['\\text{East}', 'east'],
])('%s is the same as %s', (a, b) => {
  expect(sameAnswer(a, b)).toBe(true);
  expect(sameAnswer(b, a)).toBe(true);
});

test.each([
  ['5', '-5'],
  ['2*3', '23'],
  ['\\frac{56}{3}', '\\frac{3}{56}'],
  ['[2,5)', '[2,5]'],
  ['(1,2)', '(1,2,3)'],
  ['(0,1)\\cup(2,3)', '(0,1)\\cup(2,4)'],
  ['100000000000000000001', '100000000000000000002'],
  ['x>5', '5'],
  ['', ''],
  ['0/0', '0'],
])('%s is not %s', (a, b) => {
  expect(sameAnswer(a, b)).toBe(false);
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        '\\boxed{',
        '}',
        '{',
        '\\frac',
        '\\sqrt',
        '1',
        ',',
        '.',
        '-',
        '^',
        '\\text{',
        '</think>',
        ' ',
        '$',
        '/',
        '=',
      ),
    )
    .map((parts) => parts.join('')),
);

test('no text makes it throw', () => {
  fc.assert(
    fc.property(hostile, hostile, (response, truth) => {
      expect([0, 1]).toContain(rewardOf(response, truth).reward);
    }),
    { numRuns: 2000 },
  );
});

test('an answer is the same as itself', () => {
  fc.assert(
    fc.property(
      hostile.filter((x) => lastBoxed(`\\boxed{${x}}`) === x && !x.includes('</think>') && normaliseAnswer(x) !== ''),
      (x) => {
        expect(rewardOf(`\\boxed{${x}}`, x)).toEqual({ reward: 1, reason: 'correct' });
      },
    ),
  );
});

test('long answers cost no more than their length', () => {
  for (const piece of ['{', '\\text{', '1,', '\\frac1', ' ', '1 ', '-', '\\', '^', '}', '1*', '(', '/1']) {
    for (const size of [1990, 400_000]) {
      const answer = piece.repeat(Math.ceil(size / piece.length));
      expect(rewardOf(`\\boxed{${answer}}`, '5').reward).toBe(0);
      expect(sameAnswer(answer, '5')).toBe(false);
    }
  }
});
