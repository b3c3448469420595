import path from 'node:path';
import { expect, test } from 'vitest';
import type { InferenceEngine, RolloutRequest } from '../../contracts/engine.js';
import { readTokenizer } from '../../policy/tokenizer.js';
import type { EvaluationSettings } from '../../tasks/evaluate.js';
import { evaluate, planEvaluation } from '../../tasks/evaluate.js';
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

test('accuracy, length and truncated share', async () => {
  expect(await evaluate(source, tokenizer, engine, 'policy', settings)).toEqual({
    set: 'four',
    problems: 4,
    samples: 8,
    skippedPrompts: 0,
    accuracy: 0.5,
    meanLength: 3.5,
    truncated: 0.5,
    correct: [0, 1, 2, 3].map((i) => ({ id: `four/${i}`, correct: 1 })),
  });
});

test('no sample shares its randomness with another, of this or another set', () => {
  const keys = (name: string): string[] =>
    planEvaluation({ ...source, name }, tokenizer, settings).requests.map(({ uniforms }) => JSON.stringify(uniforms));
  const all = [...keys('four'), ...keys('five')];
  expect(new Set(all).size).toBe(all.length);
  expect(keys('four')).toEqual(keys('four'));
});

test('prompts over the limit are skipped and counted', async () => {
  const plan = planEvaluation(source, tokenizer, { ...settings, maxPromptTokens: 7 });
  expect(plan).toMatchObject({ problems: [], requests: [], skippedPrompts: 4 });
  const result = await evaluate(source, tokenizer, engine, 'policy', { ...settings, maxPromptTokens: 7 });
  expect(result).toMatchObject({ accuracy: 0, samples: 0, skippedPrompts: 4 });
});
