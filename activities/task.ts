import { z } from 'zod';
import type { RunConfig } from '../contracts/config.js';
import { readProblems } from '../tasks/jsonl.js';
import type { ProblemSource } from '../tasks/problem-source.js';
import { DEFAULT_PROGRAMS } from '../tasks/straight-line/generator.js';
import { evaluationProblems, trainingProblems } from '../tasks/straight-line/problem-sets.js';

/** Problems to train on, and held-out sets to be judged by. */
export interface Task {
  readonly training: ProblemSource;
  readonly evaluation: readonly ProblemSource[];
}

const share = z.number().min(0).max(1);
const lines = z.int().min(1).max(16);
const straightLine = z.strictObject({
  /** Which programs there are; the order in which they are drawn follows the run's seed. */
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  /** Fewest and most lines of a program. */
  lines: z
    .tuple([lines, lines])
    .refine(([fewest, most]) => fewest <= most, 'fewest first')
    .default([DEFAULT_PROGRAMS.lines[0], DEFAULT_PROGRAMS.lines[1]]),
  referenceShare: share.default(DEFAULT_PROGRAMS.referenceShare),
  firstShare: share.default(DEFAULT_PROGRAMS.firstShare),
  previousShare: share.default(DEFAULT_PROGRAMS.previousShare),
});
const jsonl = z.strictObject({
  /** File or folder of problems to train on. */
  training: z.string().min(1),
  /** Held-out sets: name -> file or folder. */
  evaluation: z.record(z.string().min(1), z.string().min(1)).refine((sets) => Object.keys(sets).length > 0, 'no set'),
});

/** Each task: its options -> its problems. Throws ZodError where the options do not fit. */
const TASKS: Readonly<Record<string, (options: unknown) => Promise<Task>>> = {
  'straight-line': (options) => {
    const { seed, ...settings } = straightLine.parse(options);
    return Promise.resolve({ training: trainingProblems(seed, settings), evaluation: evaluationProblems() });
  },
  jsonl: async (options) => {
    const { training, evaluation } = jsonl.parse(options);
    const sets = Object.entries(evaluation).map(async ([name, location]) => ({ ...(await readProblems(location)), name }));
    return { training: await readProblems(training), evaluation: await Promise.all(sets) };
  },
};

/** @throws UnknownTask, ZodError for options that do not fit, EmptyProblemSet, InvalidProblemSet */
export async function openTask({ name, options }: RunConfig['task']): Promise<Task> {
  const open = Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
  if (!open) throw new UnknownTask(name);
  return open(options);
}

export class UnknownTask extends Error {
  override readonly name = 'UnknownTask';
  constructor(readonly task: string) {
    super(`there is no task "${task}"; there are: ${Object.keys(TASKS).join(', ')}`);
  }
}
