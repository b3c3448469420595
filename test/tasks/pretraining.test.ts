import path from 'node:path';
import { expect, test } from 'vitest';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import type { PretrainingSettings } from '../../tasks/pretraining.js';
import { Curriculum, DEFAULT_PRETRAINING, learningRate, totalSteps } from '../../tasks/pretraining.js';

const tokenizer = await readTokenizer(path.resolve('models/straight-line'));
const short: PretrainingSettings = {
  ...DEFAULT_PRETRAINING,
  tokensPerStep: 500,
  stages: [
    { steps: 2, lengths: [{ lines: [1, 2], share: 1 }] },
    {
      steps: 3,
      lengths: [
        { lines: [4, 4], share: 1 },
        { lines: [16, 16], share: 1 },
      ],
    },
  ],
};

test('a mini-batch is a function of seed and step', () => {
  const batch = new Curriculum(short, tokenizer).miniBatch(3);
  expect(new Curriculum(short, tokenizer).miniBatch(3)).toEqual(batch);
  expect(new Curriculum(short, tokenizer).miniBatch(4)).not.toEqual(batch);
  expect(new Curriculum({ ...short, seed: 1 }, tokenizer).miniBatch(3)).not.toEqual(batch);
});

test('sequences are chains that train the response and its end', () => {
  for (const { tokens, predecessors, weights } of new Curriculum(short, tokenizer).miniBatch(0)) {
    expect([...predecessors]).toEqual([...tokens.keys()].map((i) => i - 1));
    const trained = tokens.filter((_, i) => weights[i] === 1);
    expect(tokenizer.decode(trained)).toMatch(/^<think>.*<\/think>\\boxed\{\d\}$/s);
    expect(trained.at(-1)).toBe(tokenizer.eosIds[0]);
    const prompt = tokenizer.decode(tokens.filter((_, i) => weights[i] === 0));
    expect(prompt).toMatch(/^([a-z]:\w[-+*]\w;){1,2}[a-z]\?$/);
    expect(trained.length + tokenizer.encode(prompt).length).toBe(tokens.length);
  }
});

test('a mini-batch fills its tokens with the lengths of its stage', () => {
  const lines = new Set<number>();
  for (let step = 2; step < 5; step++) {
    const batch = new Curriculum({ ...short, tokensPerStep: 4000 }, tokenizer).miniBatch(step);
    const tokens = batch.reduce((sum, sequence) => sum + sequence.tokens.length, 0);
    expect(tokens).toBeLessThanOrEqual(4000);
    expect(tokens).toBeGreaterThan(3700);
    for (const sequence of batch) lines.add(tokenizer.decode(sequence.tokens).split(';').length - 1);
  }
  expect(lines).toEqual(new Set([4, 16]));
});

test('there is no step behind the last', () => {
  const curriculum = new Curriculum(short, tokenizer);
  expect(totalSteps(short)).toBe(5);
  expect(() => curriculum.miniBatch(5)).toThrow(RangeError);
});

test('the learning rate rises to its peak and falls to its final share', () => {
  const { peakLearningRate, warmUpSteps, finalLearningRateShare } = DEFAULT_PRETRAINING;
  const rates = Array.from({ length: totalSteps(DEFAULT_PRETRAINING) }, (_, step) =>
    learningRate(DEFAULT_PRETRAINING, step),
  );
  expect(Math.max(...rates)).toBe(peakLearningRate);
  expect(rates[warmUpSteps - 1]).toBe(peakLearningRate);
  expect(rates.at(-1)).toBeCloseTo(peakLearningRate * finalLearningRateShare, 12);
  expect(rates.slice(warmUpSteps).every((rate, i, falling) => i === 0 || rate <= falling[i - 1])).toBe(true);
});
