import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitSteps, STEP_SEPARATORS, type StepSeparator } from '../../algorithm/steps.js';

const split = (texts: string[], promptLength = 10, separator?: StepSeparator) => {
  const ids = texts.map((text) => (text === '</think>' ? 7 : 1));
  return splitSteps({ promptLength, ids, texts, thinkEndId: 7 }, separator);
};
const lengths = (texts: string[], separator?: StepSeparator) =>
  split(texts, 10, separator)
    .stepRanges.slice(1)
    .map(([start, end]) => end - start);

describe('steps end with', () => {
  test.each([
    [
      'a token with a blank line, wherever it stands in it',
      ['a', '.\n\n', 'b', '\n\n\n', 'c'],
      'blank-line',
      [2, 2, 1],
    ],
    ['nothing behind a final separator', ['a', '\n\n'], 'blank-line', [2]],
    [
      'the end of the sequence, which is a step of its own behind a separator',
      ['a', '\n\n', '<eos>'],
      'blank-line',
      [2, 1],
    ],
    ['a newline where there is no blank line', ['a', '\n', '\n', 'b'], 'line', [2, 1, 1]],
    ['every token where there is no newline', ['a', '\\n\\n', 'b'], 'token', [1, 1, 1]],
    [
      'newlines that do not count once there is a blank line',
      ['a', '\n', 'b', '\n\n', 'c', '\n'],
      'blank-line',
      [4, 2],
    ],
  ])('%s', (_, texts, cutBy, expected) => {
    expect(split(texts).cutBy).toBe(cutBy);
    expect(lengths(texts)).toEqual(expected);
  });
});

describe('by line, steps end with', () => {
  test.each([
    ['each token with a newline, blank lines or not', ['a', '\n', 'b', '.\n\n', 'c'], 'line', [2, 2, 1]],
    ['every token where there is none', ['a', '.', ' b'], 'token', [1, 1, 1]],
  ])('%s', (_, texts, cutBy, expected) => {
    expect(split(texts, 10, 'line').cutBy).toBe(cutBy);
    expect(lengths(texts, 'line')).toEqual(expected);
  });
});

describe('by sentence, steps end with', () => {
  test.each([
    ['a stop before white space in the next token', ['a', '.', ' b', '?', ' c', '!', '\tD'], [2, 2, 2, 1]],
    ['a stop before white space in its own token', ['a', '. ', 'b'], [2, 1]],
    ['a stop at the end, whatever token without text follows', ['a', '. b', '.', ''], [2, 1, 1]],
    ['a newline, which belongs to its sentence', ['a', '\n', 'b.', ' ', '\n\n', 'c'], [2, 3, 1]],
    [
      'what closes behind the stop',
      ['a', '.', '"', ' b', '.)', '**', ' c', '.$', '\n', '\\[x.', '\\]', ' d'],
      [3, 3, 3, 2, 1],
    ],
    ['the last of several stops', ['a', '..', '.', ' b', '?', '!', ' c'], [3, 3, 1]],
    ['no decimal point', ['3', '.', '5', ' + ', '1.25', ' is', ' 4.75', '.', ' So'], [8, 1]],
    ['no number of a list, however it is set off', ['1', '.', ' a', '.', '\n', ' **', '2', '.**', ' b', '\n'], [5, 5]],
    ['a number, though, that ends a sentence', ['is', ' 5', '.', ' b'], [3, 1]],
  ])('%s', (_, texts, expected) => {
    expect(split(texts, 10, 'sentence').cutBy).toBe('sentence');
    expect(lengths(texts, 'sentence')).toEqual(expected);
  });

  test('every token where no sentence ends', () => {
    expect(split(['a', ' b.c', ' d'], 10, 'sentence')).toMatchObject({ cutBy: 'token' });
    expect(lengths(['a', ' b.c', ' d'], 'sentence')).toEqual([1, 1, 1]);
  });
});

test('an empty response has no steps', () => {
  expect(split([])).toEqual({ stepRanges: [[0, 10]], cutBy: 'token', thinkEndToken: -1, thinkEndStep: -1 });
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

const pieces = ['a', ' b', '3', '.', '. ', '.5', '?', '"', '\\)', '$', '**', '\n', '\n\n', '.\n\n', '', '</think>'];
const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 30 });
const separators = fc.constantFrom(...STEP_SEPARATORS);

test('steps are adjacent, not empty, and cover prompt and response', () => {
  fc.assert(
    fc.property(texts, fc.nat(20), separators, (response, promptLength, separator) => {
      const { stepRanges, thinkEndStep, thinkEndToken } = split(response, promptLength, separator);
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
    fc.property(texts, fc.nat(20), separators, (response, more, separator) => {
      const moved = split(response, 10 + more, separator).stepRanges.slice(1);
      const back = moved.map(([start, end]) => [start - more, end - more]);
      expect(back).toEqual(split(response, 10, separator).stepRanges.slice(1));
    }),
  );
});

const endsOf = (response: string[], separator: StepSeparator) =>
  split(response, 0, separator)
    .stepRanges.slice(1)
    .map(([, end]) => end);

test('a finer separator keeps the ends of a coarser one that the response has, and adds others', () => {
  fc.assert(
    fc.property(texts, (response) => {
      STEP_SEPARATORS.slice(1).forEach((finer, i) => {
        const coarser = STEP_SEPARATORS[i];
        if (split(response, 0, coarser).cutBy === 'token') return;
        expect(endsOf(response, finer)).toEqual(expect.arrayContaining(endsOf(response, coarser)));
      });
    }),
  );
});

test('tokens without text, as padding is, move no end before them', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 5 }), separators, (response, padding, separator) => {
      const padded = endsOf([...response, ...Array.from({ length: padding }, () => '')], separator);
      const inside = (ends: number[]) => ends.filter((end) => end < response.length);
      expect(inside(padded)).toEqual(inside(endsOf(response, separator)));
    }),
  );
});

test('sentences end where they do, however the text is cut into tokens', () => {
  const ending = (response: string[]) => {
    const { cutBy, stepRanges } = split(response, 0, 'sentence');
    return cutBy === 'token' ? [] : stepRanges.slice(1).map(([, end]) => response.slice(0, end).join('').length);
  };
  fc.assert(
    fc.property(texts, (response) => {
      const characters = Array.from(response.join(''));
      const starts = response.map((_, token) => response.slice(0, token).join('').length);
      const expected = ending(characters).map((end) => {
        const last = starts.findLastIndex((start) => start < end);
        return starts[last] + response[last].length;
      });
      expect(new Set(ending(response))).toEqual(new Set(expected));
    }),
  );
});
