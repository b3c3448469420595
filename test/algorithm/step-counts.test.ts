import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addStepCounts, countSteps, stepMetrics, type CutResponse } from '../../algorithm/step-counts.js';

const response: fc.Arbitrary<CutResponse> = fc.record({
  cutBy: fc.constantFrom('blank-line' as const, 'line' as const, 'sentence' as const, 'token' as const),
  influence: fc.array(fc.constantFrom(0, 0, 0.25, 1), { maxLength: 5 }),
});
const responses = fc.array(response, { minLength: 1, maxLength: 12 });

test('counts steps, responses whose every step has an FCI of 0, and what cut them', () => {
  const counts = countSteps([
    { cutBy: 'line', influence: [0, 0, 0.5] },
    { cutBy: 'token', influence: [0, 0] },
    { cutBy: 'token', influence: [] },
  ]);
  expect(counts).toEqual({
    steps: 5,
    withoutInfluence: 2,
    cutBy: { 'blank-line': 0, line: 1, sentence: 0, token: 2 },
  });
  expect(stepMetrics(counts, 3)).toEqual({
    perResponse: 5 / 3,
    withoutInfluence: 2 / 3,
    cutBy: { 'blank-line': 0, line: 1 / 3, sentence: 0, token: 2 / 3 },
  });
});

test('the counts of shards add up to those of the whole', () => {
  fc.assert(
    fc.property(responses, responses, (some, others) => {
      expect(addStepCounts(countSteps(some), countSteps(others))).toEqual(countSteps([...some, ...others]));
    }),
  );
});

test('each response is cut by one thing', () => {
  fc.assert(
    fc.property(responses, (all) => {
      const { cutBy, withoutInfluence } = stepMetrics(countSteps(all), all.length);
      expect(Object.values(cutBy).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
      expect(withoutInfluence).toBeLessThanOrEqual(1);
    }),
  );
});
