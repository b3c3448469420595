import { describe, expect, it } from 'vitest';
import type { ArtifactKind, ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { MAX_STATE_BYTES } from '../../contracts/protocol/result-size.js';
import type { EvaluationSummary, IterationSummary, RunState } from '../../contracts/protocol/run.js';
import { carriedState, firstState, paceAfter, withEvaluation } from '../../workflows/run-state.js';

const ref = <Kind extends ArtifactKind>(kind: Kind): ArtifactRef<Kind> => ({
  sha256: 'a'.repeat(64),
  bytes: 1000,
  kind,
});
const state: RunState = firstState({
  manifest: ref('manifest'),
  configHash: 'b'.repeat(64),
  model: 'straight-line',
  plan: {
    algorithm: 'attnrl',
    pipeline: 'one-step-off-policy',
    iterations: 10,
    iterationsPerExecution: 5,
    evaluateEvery: 2,
    evaluationSets: ['short'],
    responsesDrawn: 6,
  },
  policy: ref('policy'),
  controller: { batchSize: 24, means: { correct: { count: 0, mean: 0 }, wrong: { count: 0, mean: 0 } } },
} as unknown as Parameters<typeof firstState>[0]);

function evaluated(policyVersion: number): EvaluationSummary {
  return { policyVersion, accuracies: [0.5], mean: 0.5, evaluation: ref('evaluation') };
}

describe('what is carried', () => {
  const large = (iteration: number) => ({ iteration, text: 'x'.repeat(3500) }) as unknown as IterationSummary;

  it('stays small: the oldest iterations that were only to be looked at give way', () => {
    const carried = carriedState({ ...state, recent: [1, 2, 3, 4].map(large) });
    expect(Buffer.byteLength(JSON.stringify(carried))).toBeLessThanOrEqual(MAX_STATE_BYTES);
    expect(carried.recent.map(({ iteration }) => iteration)).toEqual([3, 4]);
  });

  it('is refused where what must be carried is too large', () => {
    expect(() => carriedState({ ...state, model: 'x'.repeat(MAX_STATE_BYTES) })).toThrow('training state');
  });
});

it('keeps the first evaluation and the last ones, in order', () => {
  const kept = [0, 4, 2, 6, 8, 10, 12].reduce<EvaluationSummary[]>((all, m) => withEvaluation(all, evaluated(m)), []);
  expect(kept.map(({ policyVersion }) => policyVersion)).toEqual([0, 4, 6, 8, 10, 12]);
});

it('follows the pace of iterations', () => {
  expect(paceAfter(8, null)).toBe(8);
  expect(paceAfter(8, 8)).toBe(8);
  expect(paceAfter(16, 8)).toBeGreaterThan(8);
  expect(paceAfter(16, 8)).toBeLessThan(16);
});
