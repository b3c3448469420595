/** Random inputs of the property tests, in the sizes that the algorithm meets. */
import fc from 'fast-check';
import type { StepRange } from '../../algorithm/steps.js';
import type { ResponseOutcome } from '../../algorithm/tree.js';

export const word = fc.integer({ min: 0, max: 0xffffffff });
export const reward = fc.integer({ min: 0, max: 1 });
/** Influence with many ties and zeros, as short responses have. */
export const influence = fc.oneof(
  fc.constant(0),
  fc.constantFrom(0.1, 0.2, 0.3),
  fc.double({ min: 0, max: 4, noNaN: true }),
);

/** Adjacent steps of the given token counts behind a prompt. */
export function adjacentSteps(promptLength: number, lengths: readonly number[]): StepRange[] {
  let start = promptLength;
  return lengths.map((length) => {
    const range: StepRange = [start, start + length];
    start += length;
    return range;
  });
}

export function responseOutcome(maxLength = 20): fc.Arbitrary<ResponseOutcome> {
  return fc.integer({ min: 1, max: maxLength }).chain((length) =>
    fc.record({
      length: fc.constant(length),
      reward,
      rollouts: fc.array(
        fc.record({
          at: fc.integer({ min: 0, max: length - 1 }),
          length: fc.integer({ min: 1, max: maxLength }),
          reward,
        }),
        { maxLength: 6 },
      ),
    }),
  );
}

export const responseOutcomes = fc.array(responseOutcome(), { minLength: 1, maxLength: 5 });
