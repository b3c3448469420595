/** A whole iteration of our GRPO mode beside TRL's, on word problems: sampling, verifying, scoring, update. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSetting } from '../acceptance/form.js';
import { besideTrl } from '../iteration.js';
import type { Row } from '../report.js';
import { wordProblems } from '../word-problems.js';
import { type MeasuredModel, promptTexts } from './model.js';

const SIZE = { iterations: 1, problems: 8, responses: 4, tokens: 64, seed: 0 };
const PATHS = SIZE.problems * SIZE.responses;
const PROBLEMS = 64;

export async function iteration(model: MeasuredModel, show: (rows: readonly Row[]) => void): Promise<void> {
  const { name, directory } = model;
  const folder = await mkdtemp(join(tmpdir(), 'attnrl-bench-'));
  try {
    const { form } = await writeSetting(folder, directory, SIZE);
    const problems = wordProblems(PROBLEMS, SIZE.seed);
    const texts = await promptTexts(directory, problems);
    const row = await besideTrl({
      name: `${name} · GRPO · ${SIZE.problems} problems x ${SIZE.responses} responses, at most ${SIZE.tokens} tokens`,
      form: {
        ...form,
        algorithm: 'grpo',
        adaptiveSampling: {},
        update: { ...form.update, miniBatchPaths: PATHS, oldLogProbs: 'update' },
      },
      directory,
      problems: (count) =>
        problems.slice(0, count).map(({ groundTruth }, i) => ({ prompt: texts[i], answer: groundTruth })),
      microBatch: PATHS,
      warmUp: 1,
      turns: 1,
      stepsPerTurn: 2,
      target: 1.5,
    });
    show([row]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
