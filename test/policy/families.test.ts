import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { modelConfigJson, parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { differentiated, type Family, farthest, generated, openFamily, scored, TOLERANCE } from '../support/family.js';
import { hasPeers, runFamilies, SKIPPED_WITHOUT_PEERS } from '../support/peers.js';

const FIXTURES = fileURLToPath(new URL('../fixtures/models', import.meta.url));
const families = (await readdir(FIXTURES, { withFileTypes: true })).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

describe.each(families)('%s', async (name) => {
  const family = await openFamily(join(FIXTURES, name));

  it('is read again from the config.json that its shape gives', () => {
    expect(parseModelConfig(modelConfigJson(family.config))).toEqual({ config: family.config });
  });

  it('has the log-probs of transformers', () => expectLogProbs(family));

  it('generates the tokens of greedy decoding, with the log-probs of scoring', () => expectGreedy(family));

  it('has the loss and the gradients of torch', () => expectGradients(family));
});

describe.skipIf(!hasPeers)(`made anew by transformers ${SKIPPED_WITHOUT_PEERS}`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-families-'));
  afterAll(() => rm(folder, { recursive: true }));

  it('with other weights, the families agree as well', async () => {
    await runFamilies(['write', folder, '2']);
    expect((await readdir(folder)).sort()).toEqual([...families].sort());
    for (const name of families) {
      const family = await openFamily(join(folder, name));
      await expectLogProbs(family);
      await expectGreedy(family);
      await expectGradients(family);
    }
  }, 600_000);
});

async function expectLogProbs(family: Family): Promise<void> {
  const { sequences, promptLength, logProbs } = family.expected;
  expect(farthest(await scored(family, sequences, promptLength), logProbs)).toBeLessThan(TOLERANCE);
}

async function expectGreedy(family: Family): Promise<void> {
  const { prefix, tokens } = family.expected.greedy;
  const uniforms = { kind: 'counter', key: { runSeed: 1, iteration: 0, problem: 0, response: 0, branch: 0 } } as const;
  const request = { prefix: Int32Array.from(prefix), uniforms, maxNewTokens: tokens.length, stopIds: [] };
  const rollouts = await generated(family, [
    { ...request, temperature: 0 },
    { ...request, temperature: 1 },
  ]);
  expect([...rollouts[0].tokens]).toEqual(tokens);
  const whole = rollouts.map((rollout) => [...prefix, ...rollout.tokens]);
  const again = await scored(family, whole, prefix.length);
  rollouts.forEach(({ logProbs }, i) => expect(logProbs).toBeAllclose(again[i], { atol: TOLERANCE }));
}

async function expectGradients(family: Family): Promise<void> {
  const { expected } = family;
  const { loss, gradients } = await differentiated(family);
  expect(loss).toBeCloseTo(expected.loss, 5);
  expect([...gradients.keys()].sort()).toEqual(Object.keys(expected.gradients).sort());
  for (const [tensor, { norm, projection }] of Object.entries(expected.gradients)) {
    const actual = gradients.get(tensor)!;
    expect(Math.abs(actual.norm / norm - 1), tensor).toBeLessThan(1e-4);
    expect(Math.abs(actual.projection - projection) / norm, tensor).toBeLessThan(2e-4);
  }
}

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
