import { expect, test } from 'vitest';
import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';
import type { StoredScore } from '../../contracts/artifacts/stored-score.js';
import { joinRollouts } from '../../iteration/join.js';

const rollout = (problem: number, response: number, tokens: number): StoredRollout => ({
  problem,
  response,
  branch: 0,
  at: 0,
  finished: true,
  tokens: new Int32Array(tokens),
  logProbs: new Float32Array(tokens),
});
const score = (tokens: number): StoredScore => ({
  logProbs: new Float32Array(tokens),
  entropies: new Float32Array(tokens),
  influence: new Float32Array(1),
  stepEnds: Int32Array.of(tokens),
});
const right = { reward: 1, reason: 'correct' } as const;
const wrong = { reward: 0, reason: 'wrong answer' } as const;

test('each rollout gets its own verdict and score, also where it was not scored', () => {
  const rollouts = [rollout(0, 0, 3), rollout(1, 0, 2)];
  const scores = [score(3), score(0)];
  expect(joinRollouts(rollouts, [right, wrong], scores)).toEqual([
    { rollout: rollouts[0], verdict: right, score: scores[0] },
    { rollout: rollouts[1], verdict: wrong, score: scores[1] },
  ]);
});

test.each([
  ['a verdict is missing', [right], [score(3), score(2)], /2 rollouts, 1 verdicts and 2 scores/],
  ['a score is missing', [right, wrong], [score(3)], /2 rollouts, 2 verdicts and 1 scores/],
  ['scores are of other tokens', [right, wrong], [score(3), score(1)], /rollout 1\/0\/0 has 2 tokens, but scores of 1/],
] as const)('refuses lists that do not belong together: %s', (_, verdicts, scores, message) => {
  expect(() => joinRollouts([rollout(0, 0, 3), rollout(1, 0, 2)], verdicts, scores)).toThrow(message);
});

test('refuses a rollout that is there twice', () => {
  const twice = [rollout(0, 0, 1), rollout(0, 0, 1)];
  expect(() => joinRollouts(twice, [right, right], [score(1), score(1)])).toThrow(/0\/0\/0 .* twice/);
});
