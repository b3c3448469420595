import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelCard } from '../../tools/pretrain/model-card.js';
import { pretrain } from '../../tools/pretrain/pretrain.js';
import type { Pretrained } from '../../tools/pretrain/pretrain.js';
import { inspectCheckpoint } from '../../policy/model/checkpoint/inspect.js';
import { readTokenizer } from '../../policy/model/tokenizer.js';
import type { PretrainingSettings } from '../../tasks/pretraining.js';
import { DEFAULT_PRETRAINING } from '../../tasks/pretraining.js';

const architecture = path.resolve('models/straight-line');
const tiny: PretrainingSettings = {
  ...DEFAULT_PRETRAINING,
  tokensPerStep: 200,
  warmUpSteps: 1,
  stages: [{ steps: 3, lengths: [{ lines: [1, 2], share: 1 }] }],
};

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'attnrl-pretrain-test-'));
});
afterAll(() => rm(scratch, { recursive: true }));

async function trained(name: string, settings: PretrainingSettings): Promise<Pretrained & { folder: string }> {
  const folder = path.join(scratch, name);
  return { ...(await pretrain(settings, architecture, folder, { step() {}, end() {} })), folder };
}

test('the same seed gives the same bytes, and a model that can be loaded', async () => {
  const [first, again, other] = [
    await trained('first', tiny),
    await trained('again', tiny),
    await trained('other', { ...tiny, seed: 1 }),
  ];
  const weights = (folder: string): Promise<Buffer> => readFile(path.join(folder, 'model.safetensors'));
  expect((await weights(first.folder)).equals(await weights(again.folder))).toBe(true);
  expect((await weights(first.folder)).equals(await weights(other.folder))).toBe(false);
  expect(first.parameters).toBe(796_800);
  // Random weights know nothing: 64 tokens alike.
  expect(first.losses[0]).toBeCloseTo(Math.log(64), 0);
  expect(first.losses[2]).toBeLessThan(first.losses[0]);
  await inspectCheckpoint(first.folder);
  await readTokenizer(first.folder);
});

test('the card tells what was measured', () => {
  const run: Pretrained = { steps: 3, tokens: 1234, parameters: 796_800, losses: [4, 3, 2] };
  const result = (set: string, accuracy: number) => {
    return {
      set,
      accuracy,
      problems: 100,
      samples: 400,
      skippedPrompts: 0,
      meanLength: 42,
      passAt: {},
      truncated: 0.01,
      correct: [],
    };
  };
  const card = modelCard(tiny, run, [result('short', 0.5), result('long', 0.25)]);
  for (const fact of [
    '796,800 parameters',
    '3 steps, 1,234 tokens',
    '3.0000 nats',
    '| short | 50.0 % | 42 | 1.0 % |',
    '| mean | 37.5 % |',
  ]) {
    expect(card).toContain(fact);
  }
});
