import path from 'node:path';
import { expect, test } from 'vitest';
import type { InferenceEngine, RolloutRequest } from '../../contracts/engine/engine.js';
import { TemplatedPrompts } from '../../policy/model/chat-template.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import type { EvaluationSettings } from '../../tasks/evaluate.js';
import { evaluate, evaluatedProblems, evaluationResult, sampleKey } from '../../tasks/evaluate.js';
import { problemSource } from '../../tasks/problem-source.js';

const tokenizer = await readTokenizer(path.resolve('models/straight-line'));
const source = problemSource('four', 4, (i) => ({ id: `four/${i}`, prompt: `e:${i}+1;e?`, groundTruth: `${i + 1}` }));
const settings: EvaluationSettings = {
  seed: 3,
  problems: 10,
  samplesPerProblem: 2,
  temperature: 0.6,
  maxPromptTokens: 8,
  maxResponseTokens: 20,
};

/** Answers right at the first sample, runs out of tokens at the second. */
const engine = {
  generate: (_: string, requests: readonly RolloutRequest[]) =>
    Promise.resolve(
      requests.map(({ prefix, uniforms }) => {
        const right = uniforms.kind === 'counter' && uniforms.key.response === 0;
        const digit = Number(tokenizer.decode(prefix)[2]);
        const tokens = tokenizer.encode(right ? `</think>\\boxed{${digit + 1}}<|endoftext|>` : '<think>e');
        return { tokens, logProbs: new Float32Array(tokens.length), finished: right };
      }),
    ),
} as Pick<InferenceEngine, 'generate'> as InferenceEngine;

const prompts = new TemplatedPrompts(tokenizer, undefined, 'test');
const policy = { id: 'policy', engine, tokenizer, prompts };

test('accuracy, pass@k, length and truncated share', async () => {
  expect(await evaluate(source, policy, settings)).toEqual({
    set: 'four',
    problems: 4,
    samples: 8,
    skippedPrompts: 0,
    accuracy: 0.5,
    passAt: { 1: 0.5, 2: 1 },
    meanLength: 3.5,
    truncated: 0.5,
    correct: [0, 1, 2, 3].map((i) => ({ id: `four/${i}`, correct: 1 })),
  });
});

test('pass@k of problems that differ', () => {
  const samples = (correct: number) =>
    Array.from({ length: 4 }, (_, i) => ({ tokens: 1, finished: true, correct: i < correct }));
  const problems = ['never', 'once', 'always'].map((id) => ({ id }));
  const judged = [...samples(0), ...samples(1), ...samples(4)];
  const { passAt, accuracy } = evaluationResult('s', { problems, skippedPrompts: 0 }, judged);
  expect(Object.keys(passAt)).toEqual(['1', '2', '4']);
  expect(Object.values(passAt)).toBeAllclose([5 / 12, 0.5, 2 / 3]);
  expect(accuracy).toBeCloseTo(5 / 12, 12);
});

test('no sample shares its randomness with another, of this or another set', () => {
  const keys = (set: string): string[] =>
    [0, 1, 2, 3].flatMap((index) => [0, 1].map((sample) => JSON.stringify(sampleKey(3, set, { index }, sample))));
  const all = [...keys('four'), ...keys('five')];
  expect(new Set(all).size).toBe(all.length);
  expect(keys('four')).toEqual(keys('four'));
});

test('prompts over the limit are skipped and counted', async () => {
  const limit = { ...settings, maxPromptTokens: 7 };
  expect(evaluatedProblems(source, prompts, limit)).toEqual({ problems: [], skippedPrompts: 4 });
  expect(await evaluate(source, policy, limit)).toMatchObject({
    accuracy: 0,
    samples: 0,
    skippedPrompts: 4,
    passAt: {},
  });
});
