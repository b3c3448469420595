import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { differentiated, farthest, generated, openFamily, scored, TOLERANCE } from '../support/family.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/models', import.meta.url));
const families = (await readdir(FIXTURES, { withFileTypes: true })).filter((entry) => entry.isDirectory());

describe.each(families.map(({ name }) => name))('%s', async (name) => {
  const family = await openFamily(join(FIXTURES, name));
  const { expected } = family;

  it('has the log-probs of transformers', async () => {
    const difference = farthest(await scored(family, expected.sequences, expected.promptLength), expected.logProbs);
    expect(difference).toBeLessThan(TOLERANCE);
  });

  it('generates the tokens of greedy decoding, with the log-probs of scoring', async () => {
    const { prefix, tokens } = expected.greedy;
    const uniforms = {
      kind: 'counter',
      key: { runSeed: 1, iteration: 0, problem: 0, response: 0, branch: 0 },
    } as const;
    const request = { prefix: Int32Array.from(prefix), uniforms, maxNewTokens: tokens.length, stopIds: [] };
    const rollouts = await generated(family, [
      { ...request, temperature: 0 },
      { ...request, temperature: 1 },
    ]);
    expect([...rollouts[0].tokens]).toEqual(tokens);
    const whole = rollouts.map((rollout) => [...prefix, ...rollout.tokens]);
    const again = await scored(family, whole, prefix.length);
    rollouts.forEach(({ logProbs }, i) => expect(logProbs).toBeAllclose(again[i], { atol: TOLERANCE }));
  });

  it('has the loss and the gradients of torch', async () => {
    const { loss, gradients } = await differentiated(family);
    expect(loss).toBeCloseTo(expected.loss, 5);
    expect([...gradients.keys()].sort()).toEqual(Object.keys(expected.gradients).sort());
    for (const [tensor, { norm, projection }] of Object.entries(expected.gradients)) {
      const actual = gradients.get(tensor)!;
      expect(Math.abs(actual.norm / norm - 1), tensor).toBeLessThan(1e-4);
      expect(Math.abs(actual.projection - projection) / norm, tensor).toBeLessThan(2e-4);
    }
  });
});

describe('what sets a family apart changes its log-probs:', () => {
  it.each([
    ['qwen3', { qkNorm: false }],
    ['llama3', { ropeScaling: undefined }],
    ['llama-linear', { ropeScaling: undefined }],
    ['qwen2-distill', { qkvBias: false }],
  ])('%s', async (name, change) => {
    const { config, loaded, expected } = await openFamily(join(FIXTURES, name));
    const altered = await scored(
      { config: { ...config, ...change }, loaded },
      expected.sequences,
      expected.promptLength,
    );
    expect(farthest(altered, expected.logProbs)).toBeGreaterThan(100 * TOLERANCE);
  });
});
