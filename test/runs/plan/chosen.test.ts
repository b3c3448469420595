/** What a plan says of values that nobody configured. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RunForm } from '../../../contracts/config/form.js';
import { planRun, type RunPlanned } from '../../../runs/plan/plan-run.js';
import { writeCheckpoint } from '../../support/checkpoint.js';
import { withFolder } from '../../support/temporal.js';

const RATES = { generate: 1000, score: 5000, learn: 500 };
/** Of the shipped tokenizer's added tokens. */
const TEMPLATE = '{% for message in messages %}<|pad|>{{ message.content }}{% endfor %}<think>';

async function planned(
  problems: readonly string[],
  options: object = {},
  verifier: RunForm['verifier'] = {},
): Promise<RunPlanned> {
  return withFolder(async (folder) => {
    const model = await writeCheckpoint(join(folder, 'model'));
    const file = join(model, 'tokenizer_config.json');
    const config = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...config, chat_template: TEMPLATE }));
    const set = join(folder, 'set.jsonl');
    await writeFile(set, problems.map((prompt) => JSON.stringify({ prompt, groundTruth: '5' })).join('\n'));
    const task = { name: 'files', options: { training: set, evaluation: { set }, ...options } };
    return planRun({ model, task, verifier }, { rates: RATES });
  });
}

test('lists them with their reasons', async () => {
  const { chosen, problems, config } = await planned(['e:4+1;e?']);
  expect(problems).toEqual([]);
  expect(chosen).toContainEqual({
    path: 'update.learningRate',
    value: 6e-5,
    why: 'at most 10M parameters: as the shipped model',
  });
  expect(chosen.at(-1)).toMatchObject({ path: 'task.options.chat', value: true });
  expect(config.task.options).toMatchObject({ chat: true });
});

test('does not put into a chat what may have been written as one', async () => {
  const raw = ['e:4+1;e?<think>', '<|pad|>e:4+1;e?<think>'];
  expect((await planned(raw)).problems).toEqual([
    {
      path: 'task.options.chat',
      problem: expect.stringMatching(/^the prompt of set.jsonl:2 holds <\|pad\|>, .* set it to false/) as string,
    },
  ]);
  for (const chat of [true, false]) {
    const { problems, chosen } = await planned(raw, { chat });
    expect(problems).toEqual([]);
    expect(chosen.map(({ path }) => path)).not.toContain('task.options.chat');
  }
});

test('notes where nothing asks for the box that alone is rewarded', async () => {
  const noted = ({ notes }: RunPlanned): boolean => notes.some((note) => note.includes('boxed'));
  expect(noted(await planned(['e:4+1;e?']))).toBe(true);
  expect(noted(await planned(['e:4+1;e?'], { instruction: '\\boxed{' }))).toBe(false);
  expect(noted(await planned(['e:4+1;e?'], {}, { answer: 'anywhere' }))).toBe(false);
});
