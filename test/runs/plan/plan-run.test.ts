import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import type { RunForm } from '../../../contracts/config/form.js';
import { planRun } from '../../../runs/plan/plan-run.js';
import { LIMITS } from '../../../policy/limits.js';
import { withFolder } from '../../support/temporal.js';
import { writeCheckpoint } from '../../support/checkpoint.js';

const RATES = { generate: 1000, score: 5000, learn: 500 };

async function paper(name: string): Promise<RunForm> {
  return JSON.parse(await readFile(resolve('configs', `${name}-1.5b.json`), 'utf8')) as RunForm;
}

test("the paper's run without its files: the published shape, 1,920 paths in 10 steps", async () => {
  const { problems, notes, cost } = await planRun(await paper('attnrl'), { rates: RATES, responseTokens: 4000 });
  expect(problems).toEqual([]);
  expect(notes.join()).toContain('DeepSeek-R1-Distill-Qwen-1.5B is not there');
  expect(cost?.model.parameters).toBe(1_777_088_000);
  expect(cost?.model.cacheBytesPerToken).toBe(2 * 28 * 2 * 128 * 4);
  expect(cost?.work).toMatchObject({ responses: 384, branches: 1536, paths: 1920, optimizerSteps: 10 });
  // 384 whole responses, 1,536 halves.
  expect(cost?.work.generated).toBe(384 * 4000 + 1536 * 2000);
  expect(cost?.work.trained).toBe(64 * 1024 + 384 * 4000 + 1536 * 2000);
  expect(cost?.seconds.generate).toBeCloseTo(4608, 6);
  expect(cost?.stored.policy).toBe(3 * 4 * 1_777_088_000);
});

test('what the learner keeps follows its budget: weights and gradient take 13.2 GiB', async () => {
  const form = await paper('attnrl');
  const keptWith = async (gibibytes: number): Promise<{ layers: string | undefined; bytes: number }> => {
    const limits = { ...LIMITS, learn: { ...LIMITS.learn, updateBytes: gibibytes * 2 ** 30 } };
    const options = { rates: RATES, responseTokens: 4000, limits };
    const parts = (await planRun(form, options)).cost!.memory.learner;
    const { what, bytes } = parts.find(({ what }) => what.startsWith('activations'))!;
    return { layers: /those of (.+) layers/.exec(what)?.[1], bytes };
  };
  const [little, some, all] = [await keptWith(12), await keptWith(36), await keptWith(128)];
  expect([little.layers, all.layers]).toEqual(['0 of 28', 'all 28']);
  expect(some.layers).toMatch(/^[1-9]\d* of 28$/);
  expect(some.bytes).toBeLessThan((36 - 13.2) * 2 ** 30);
  expect(all.bytes - little.bytes).toBe(28 * 9216 * (2048 + 1536 + 2 * 8960) * 4);
});

test('warns of what one worker would be stopped at', async () => {
  const form = await paper('attnrl');
  const stopped = async (learn: number): Promise<string[]> =>
    (await planRun(form, { rates: { ...RATES, learn }, responseTokens: 8192 })).notes.filter((note) =>
      note.includes('stopped after 24'),
    );
  expect(await stopped(500)).toEqual([]);
  expect(await stopped(100)).toEqual([expect.stringMatching(/^an update would take \d+ h on one worker/)]);
});

test('the baselines: TreeRL learns from as many paths on policy, GRPO from whole responses', async () => {
  const [treerl, grpo] = await Promise.all(
    ['treerl', 'grpo'].map(async (name) => planRun(await paper(name), { rates: RATES })),
  );
  expect(treerl.cost?.work.paths).toBe(1920);
  expect(treerl.cost?.seconds.apart).toBe(treerl.cost?.seconds.oneMachine);
  expect(grpo.cost?.work).toMatchObject({ responses: 1920, branches: 0, paths: 1920, ofBranches: 0 });
});

test('the files that are there are looked at: shape, prompts, and what would be refused', async () => {
  await withFolder(async (folder) => {
    const model = await writeCheckpoint(join(folder, 'model'));
    const form: RunForm = { model, sampling: { maxPromptTokens: 40, maxResponseTokens: 100 } };
    const planned = await planRun(form, { rates: RATES });
    expect(planned.problems).toEqual([]);
    expect(planned.notes).toContain('20000 problems to train on');
    expect(planned.notes).toContain(
      'an evaluation is 1536 samples of 6 held-out sets: before, after and every 10 iterations',
    );
    expect(planned.notes.at(-1)).toMatch(/^prompts: 20000, of which \d+ are longer than 40 tokens and left out$/);
    expect(planned.cost?.assumptions.promptTokens).toBeLessThan(40);
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as { vocab_size: number };
    expect(planned.cost?.model.parameters).toBeGreaterThan(config.vocab_size * 128);
    const refused = await planRun({ ...form, sampling: { maxResponseTokens: 8000 } }, { rates: RATES });
    expect(refused.problems.map(({ path }) => path)).toContain('sampling.maxResponseTokens');
  });
});
