/** A small run of AttnRL of a real model on word problems. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunForm } from '../../../contracts/config/form.js';
import { wordProblems, writeProblems } from '../word-problems.js';

export interface Size {
  readonly iterations: number;
  /** Per iteration. */
  readonly problems: number;
  /** Per problem. */
  readonly responses: number;
  /** At most, in a response. */
  readonly tokens: number;
  readonly seed: number;
}

/** How problems are put to a model. */
export const ASKED = {
  chat: true,
  instruction: 'Work step by step, one step per paragraph. Put the final answer within \\boxed{}.',
};

const TRAINING_PROBLEMS = 400;
const HELD_OUT_PROBLEMS = 4;
const MAX_PROMPT_TOKENS = 256;

export interface Setting {
  readonly form: RunForm;
  /** The form, as the command takes it. */
  readonly configuration: string;
  /** Files of problems. */
  readonly training: string;
  readonly heldOut: string;
}

/** Writes the problems and the configuration into the folder. */
export async function writeSetting(folder: string, model: string, size: Size): Promise<Setting> {
  await mkdir(folder, { recursive: true });
  const path = (name: string): string => join(folder, name);
  const [training, heldOut, configuration] = [path('training.jsonl'), path('held-out.jsonl'), path('run.json')];
  const problems = wordProblems(HELD_OUT_PROBLEMS + TRAINING_PROBLEMS, size.seed);
  await writeProblems(heldOut, problems.slice(0, HELD_OUT_PROBLEMS));
  await writeProblems(training, problems.slice(HELD_OUT_PROBLEMS));
  const limits = { maxPromptTokens: MAX_PROMPT_TOKENS, maxResponseTokens: size.tokens };
  const form: RunForm = {
    model,
    task: { name: 'files', options: { training, evaluation: { 'word problems': heldOut }, ...ASKED } },
    algorithm: 'attnrl',
    iterations: size.iterations,
    seed: size.seed,
    sampling: { problemsPerIteration: size.problems, responsesPerProblem: size.responses, ...limits },
    branching: { minTokenDistance: 16 },
    // Iterations take the same time, however many problems are of no use.
    adaptiveSampling: { maxProblemsPerIteration: size.problems },
    update: { learningRate: 1e-5 },
    evaluation: { every: 0, problemsPerSet: HELD_OUT_PROBLEMS, samplesPerProblem: 1, ...limits },
    verifier: { answer: 'anywhere' },
    engine: { slots: 48 },
  };
  await writeFile(configuration, `${JSON.stringify(form, null, 2)}\n`);
  return { form, configuration, training, heldOut };
}
