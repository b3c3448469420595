import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { evaluationForm } from '../../cli/evaluate.js';
import { withFolder } from '../support/temporal.js';

const options = { worker: true };

it('names of sets are those of the task, k holds for all of them', async () => {
  const form = await evaluationForm('models/straight-line', { ...options, sets: 'short, long', k: 32 });
  expect(form).toEqual({
    model: resolve('models/straight-line'),
    evaluation: { sets: ['short', 'long'], samplesPerProblem: 32 },
  });
});

it('files are sets of their own, asked as the paper does where nothing else is said, within limits by the model', async () => {
  await withFolder(async (folder) => {
    const [amc, aime] = [join(folder, 'amc.parquet'), join(folder, 'aime.jsonl')];
    await Promise.all([amc, aime].map((file) => writeFile(file, '')));
    const form = await evaluationForm('m', { ...options, sets: `${amc},${aime}`, k: 4, maxResponse: 256 });
    expect(form.task).toEqual({ name: 'files', options: { evaluation: { amc, aime } } });
    expect(form.evaluation).toEqual({
      sets: ['amc', 'aime'],
      problemsPerSet: 100_000,
      samplesPerProblem: 4,
      temperature: 0.6,
      maxResponseTokens: 256,
    });
    await expect(evaluationForm('m', { ...options, sets: `${amc},short` })).rejects.toThrow('short is no file');
  });
});

it("a configuration's own values hold where the command line says nothing", async () => {
  const config = 'configs/attnrl-1.5b.json';
  const { evaluation, task } = await evaluationForm('m', { ...options, config, sets: 'AIME24' });
  expect(task?.name).toBe('files');
  expect(evaluation).toMatchObject({ sets: ['AIME24'], maxResponseTokens: 32_768, temperature: 0.6 });
  expect(evaluation?.samplesBySet).toMatchObject({ AIME24: 32 });
  expect((await evaluationForm('m', { ...options, config, k: 8 })).evaluation).not.toHaveProperty('samplesBySet');
});

it('what is impossible is refused with its path', async () => {
  await expect(evaluationForm('m', { ...options, temperature: 20 })).rejects.toThrow('evaluation.temperature');
});
