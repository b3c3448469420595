/** The tasks a run's configuration can name (`task.name`, `task.options`). */
import { AttemptError } from '../contracts/errors/retry-policy.js';
import { z } from 'zod';
import { InvalidConfig, type InputProblem } from '../contracts/errors/run-errors.js';
import type { RunManifest } from '../contracts/artifacts/run-manifest.js';
import { EmptyProblemSet, InvalidProblemSet, readProblems } from './problem-files.js';
import type { ProblemSource } from './problem-source.js';
import { DEFAULT_PROGRAMS } from './straight-line/generator.js';
import { evaluationProblems, trainingProblems } from './straight-line/problem-sets.js';
import { VARIABLE_NAMES } from './straight-line/program.js';

export interface Task {
  /** Absent where the options name none, so that the task can only be evaluated on, or where it was not wanted. */
  readonly training: ProblemSource | undefined;
  /** Held-out sets; names differ. */
  readonly evaluation: readonly ProblemSource[];
}

const share = z.number().min(0).max(1);
const lineCount = z.int().min(1).max(VARIABLE_NAMES.length);

const straightLineOptions = z
  .strictObject({
    /** Names the training set; the run's own seed only orders it. */
    seed: z.int().min(0).max(0xffff_ffff).default(0),
    problems: z.int().min(1).max(1_000_000).default(20_000),
    lines: z.tuple([lineCount, lineCount]).default([...DEFAULT_PROGRAMS.lines]),
    referenceShare: share.default(DEFAULT_PROGRAMS.referenceShare),
    firstShare: share.default(DEFAULT_PROGRAMS.firstShare),
    previousShare: share.default(DEFAULT_PROGRAMS.previousShare),
  })
  .refine(({ lines: [fewest, most] }) => fewest <= most, { path: ['lines'], error: 'fewest first' })
  .refine(({ firstShare, previousShare }) => firstShare + previousShare <= 1, {
    path: ['previousShare'],
    error: 'firstShare and previousShare must not add up to more than 1',
  });

const filesOptions = z.strictObject({
  /** A file (.jsonl, .json, .parquet), or a folder of them. */
  training: z.string().min(1).optional(),
  /** The same by name of held-out set. */
  evaluation: z.record(z.string().min(1), z.string().min(1)).default({}),
  /** In place of those of our schema, verl's or DeepScaleR's. */
  columns: z
    .strictObject({ prompt: z.string().min(1), groundTruth: z.string().min(1), id: z.string().min(1).optional() })
    .optional(),
  /** A prompt that is a text is what the user says in a chat. Default: in DeepScaleR's schema. */
  chat: z.boolean().optional(),
  /** Added to what the user says. Default: in DeepScaleR's schema, the one that it is trained with. */
  instruction: z.string().optional(),
});

/** The parts of a task that are wanted; the others are not read and may be missing. */
export type TaskPart = 'training' | 'evaluation';

type OpenTask = (options: unknown, parts: readonly TaskPart[]) => Task | Promise<Task>;

const TASKS: Readonly<Record<string, OpenTask>> = {
  'straight-line': (options) => {
    const { seed, problems, ...settings } = checked(straightLineOptions, options);
    return { training: trainingProblems(seed, settings, problems), evaluation: evaluationProblems() };
  },
  files: async (options, parts) => {
    const { training, evaluation, ...form } = checked(filesOptions, options);
    const problems: InputProblem[] = [];
    const read = async (path: string, location: string): Promise<ProblemSource | undefined> => {
      try {
        return await readProblems(location, form);
      } catch (error) {
        problems.push(...unreadable(`task.options.${path}`, error));
        return undefined;
      }
    };
    const held = Object.entries(parts.includes('evaluation') ? evaluation : {}).map(async ([name, location]) => {
      const source = await read(`evaluation.${name}`, location);
      return source && { ...source, name };
    });
    const trained = training === undefined || !parts.includes('training') ? undefined : read('training', training);
    const [source, ...sets] = await Promise.all([trained, ...held]);
    // Files are read at the same time: what is wrong is told in an order of its own.
    if (problems.length > 0) throw new TaskUnreadable(problems.toSorted((a, b) => a.path.localeCompare(b.path)));
    return { training: source, evaluation: sets.filter((set) => set !== undefined) };
  },
};

/** Files of problems that are not there, or hold something else. Lists everything that is wrong with all of them. */
export class TaskUnreadable extends AttemptError {
  override readonly name = 'TaskUnreadable';
  override readonly retry = 'transient';
  constructor(readonly problems: readonly InputProblem[]) {
    super(problems.map(({ path, problem }) => `${path}: ${problem}`).join('\n'));
  }
}

function unreadable(path: string, error: unknown): InputProblem[] {
  if (error instanceof InvalidProblemSet)
    return error.problems.map((problem) => ({ path, problem: `${error.source}: ${problem}` }));
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  if (error instanceof EmptyProblemSet || missing) return [{ path, problem: (error as Error).message }];
  throw error;
}

/**
 * @throws InvalidConfig for an unknown name or wrong options, each problem with its path
 * @throws TaskUnreadable
 */
export async function openTask(
  name: string,
  options: unknown,
  parts: readonly TaskPart[] = ['training', 'evaluation'],
): Promise<Task> {
  if (!Object.hasOwn(TASKS, name)) {
    throw new InvalidConfig([
      { path: 'task.name', problem: `no task "${name}"; there are ${Object.keys(TASKS).join(', ')}` },
    ]);
  }
  return TASKS[name](options, parts);
}

/** The problems are not those that the run began with: its data cursor, or its accuracies, would mean something else. */
export class ProblemSetChanged extends AttemptError {
  override readonly name = 'ProblemSetChanged';
  override readonly retry = 'never';
}

/**
 * The problems that a run draws from.
 * @throws ProblemSetChanged
 */
export function trainingSet(
  { training }: Task,
  { dataSetSize, dataSetSha256 }: Pick<RunManifest, 'dataSetSize' | 'dataSetSha256'>,
): ProblemSource {
  if (!training) throw new ProblemSetChanged('the task has no training set');
  return unchanged(training, { size: dataSetSize, sha256: dataSetSha256 });
}

/**
 * The problems that a run is judged by.
 * @throws ProblemSetChanged
 */
export function heldOutSet(
  { evaluation }: Task,
  { evaluationData }: Pick<RunManifest, 'evaluationData'>,
  set: string,
): ProblemSource {
  const source = evaluation.find(({ name }) => name === set);
  if (!source) throw new RangeError(`the task has no held-out set "${set}"`);
  return evaluationData ? unchanged(source, evaluationData[set]) : source;
}

function unchanged(
  source: ProblemSource,
  { size, sha256 }: { readonly size: number; readonly sha256: string | undefined },
): ProblemSource {
  if (source.size !== size)
    throw new ProblemSetChanged(`"${source.name}" has ${source.size} problems, ${size} when the run began`);
  if (source.sha256 !== sha256)
    throw new ProblemSetChanged(`the problems of "${source.name}" are not those that the run began with`);
  return source;
}

function checked<Options>(schema: z.ZodType<Options>, options: unknown): Options {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new InvalidConfig(
    parsed.error.issues.flatMap((issue) => {
      const at = (...path: PropertyKey[]): string => ['task', 'options', ...path].map(String).join('.');
      if (issue.code !== 'unrecognized_keys') return [{ path: at(...issue.path), problem: issue.message }];
      return issue.keys.map((key) => ({ path: at(...issue.path, key), problem: 'unknown key' }));
    }),
  );
}
