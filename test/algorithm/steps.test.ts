import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitSteps } from '../../algorithm/steps.js';

const split = (texts: string[], promptLength = 10) =>
  splitSteps({ promptLength, ids: texts.map((text) => (text === '</think>' ? 7 : 1)), texts, thinkEndId: 7 });
const lengths = (texts: string[]) =>
  split(texts)
    .stepRanges.slice(1)
    .map(([start, end]) => end - start);

describe('steps end with', () => {
  test.each([
    [
      'a token with a blank line, wherever it stands in it',
      ['a', '.\n\n', 'b', '\n\n\n', 'c'],
      'blank_line',
      [2, 2, 1],
    ],
    ['nothing behind a final separator', ['a', '\n\n'], 'blank_line', [2]],
    [
      'the end of the sequence, which is a step of its own behind a separator',
      ['a', '\n\n', '<eos>'],
      'blank_line',
      [2, 1],
    ],
    ['a newline where there is no blank line', ['a', '\n', '\n', 'b'], 'newline', [2, 1, 1]],
    ['every token where there is no newline', ['a', '\\n\\n', 'b'], 'every_token', [1, 1, 1]],
    [
      'newlines that do not count once there is a blank line',
      ['a', '\n', 'b', '\n\n', 'c', '\n'],
      'blank_line',
      [4, 2],
    ],
  ])('%s', (_, texts, separator, expected) => {
    expect(split(texts).separator).toBe(separator);
    expect(lengths(texts)).toEqual(expected);
  });
});

test('an empty response has no steps', () => {
  expect(split([])).toEqual({ stepRanges: [[0, 10]], separator: 'every_token', thinkEndToken: -1, thinkEndStep: -1 });
});

test('the last think-end counts', () => {
  expect(split(['</think>', '\n\n', 'a', '</think>', '\n\n', 'b'])).toMatchObject({
    thinkEndToken: 3,
    thinkEndStep: 2,
  });
});

test('without a think-end id its text is found, also across tokens', () => {
  const texts = ['a>', '</', 'think', '>\n\n', 'b', '</think>', ' c>\n\n', 'd'];
  const ids = texts.map(() => 1);
  expect(splitSteps({ promptLength: 2, ids, texts })).toMatchObject({ thinkEndToken: 5, thinkEndStep: 2 });
  expect(splitSteps({ promptLength: 2, ids: ids.slice(3), texts: texts.slice(0, 5) })).toMatchObject({
    thinkEndToken: 3,
    thinkEndStep: 1,
  });
  expect(splitSteps({ promptLength: 2, ids: [1, 1], texts: ['<', '/think'] }).thinkEndToken).toBe(-1);
});

test('a token count that differs from the text count is refused', () => {
  expect(() => splitSteps({ promptLength: 0, ids: [1], texts: [] })).toThrow(RangeError);
});

const texts = fc.array(fc.constantFrom('a', 'b', '\n', '\n\n', '.\n\n', '</think>'), { maxLength: 30 });

test('steps are adjacent, not empty, and cover prompt and response', () => {
  fc.assert(
    fc.property(texts, fc.nat(20), (response, promptLength) => {
      const { stepRanges, thinkEndStep, thinkEndToken } = split(response, promptLength);
      expect(stepRanges[0]).toEqual([0, promptLength]);
      stepRanges.slice(1).forEach(([start, end], i) => {
        expect(start).toBe(stepRanges[i][1]);
        expect(end).toBeGreaterThan(start);
      });
      expect(stepRanges.at(-1)?.[1]).toBe(promptLength + response.length);
      expect(thinkEndToken).toBe(response.lastIndexOf('</think>'));
      if (thinkEndToken < 0) expect(thinkEndStep).toBe(-1);
      else {
        const [start, end] = stepRanges[thinkEndStep];
        expect(start <= promptLength + thinkEndToken && promptLength + thinkEndToken < end).toBe(true);
      }
    }),
  );
});

test('a longer prompt only moves the steps', () => {
  fc.assert(
    fc.property(texts, fc.nat(20), (response, more) => {
      const moved = split(response, 10 + more).stepRanges.slice(1);
      expect(moved.map(([start, end]) => [start - more, end - more])).toEqual(split(response).stepRanges.slice(1));
    }),
  );
});
