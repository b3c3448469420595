/** What `prepare` looks at before any work: each check adds the problems it finds to one list. */
import { access } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { RunConfig } from '../contracts/config.js';
import { InvalidConfig, type InputProblem } from '../contracts/errors.js';
import { inspectCheckpoint, type CheckpointInfo } from '../policy/checkpoint/inspect.js';
import { InvalidCheckpoint } from '../policy/checkpoint/invalid-checkpoint.js';
import { unsupportedByTensorFlow } from '../policy/tfjs/supported.js';
import { readTokenizer, TokenizerMismatch, type PolicyTokenizer } from '../policy/tokenizer.js';
import { EmptyProblemSet, InvalidProblemSet } from '../tasks/jsonl.js';
import type { ProblemSource } from '../tasks/problem-source.js';
import { projectRoot } from './project.js';
import { openTask, type Task } from './task.js';

/** A checkpoint on this machine: as given, or one of those that come with the project. */
export async function locateModel(model: string): Promise<string> {
  if (isAbsolute(model) || (await exists(resolve(model)))) return resolve(model);
  const shipped = resolve(await projectRoot(), model);
  return (await exists(shipped)) ? shipped : resolve(model);
}

export async function checkCheckpoint(
  directory: string,
  problems: InputProblem[],
): Promise<CheckpointInfo | undefined> {
  try {
    return await inspectCheckpoint(directory);
  } catch (error) {
    if (!(error instanceof InvalidCheckpoint)) throw error;
    const where = (path: string): string => `${directory}/${path}`;
    problems.push(
      ...error.problems.map(({ path, problem }) => ({ path: 'model', problem: `${where(path)}: ${problem}` })),
    );
    return undefined;
  }
}

export async function checkTokenizer(
  directory: string,
  problems: InputProblem[],
): Promise<PolicyTokenizer | undefined> {
  try {
    return await readTokenizer(directory);
  } catch (error) {
    if (!(error instanceof TokenizerMismatch)) throw error;
    // What is wrong with config.json itself, the check of the checkpoint says.
    const own = error.problems.filter((problem) => !problem.startsWith('config.json:'));
    problems.push(...own.map((problem) => ({ path: 'model', problem: `${directory}/${problem}` })));
    return undefined;
  }
}

/** The model must have positions for the longest sequences that are asked of it. */
export function checkLengths(
  config: RunConfig,
  { config: model }: Pick<CheckpointInfo, 'config'>,
  problems: InputProblem[],
): void {
  for (const group of ['sampling', 'evaluation'] as const) {
    const { maxPromptTokens, maxResponseTokens } = config[group];
    const longest = maxPromptTokens + maxResponseTokens;
    if (longest <= model.maxPositions) continue;
    problems.push({
      path: `${group}.maxResponseTokens`,
      problem: `with ${group}.maxPromptTokens makes ${longest} tokens, the model has ${model.maxPositions} positions`,
    });
  }
}

/** Not every learner trains every model. @param configJson contents of config.json */
export function checkLearner({ learner }: RunConfig, configJson: unknown, problems: InputProblem[]): void {
  if (learner !== 'tfjs') return;
  problems.push(...unsupportedByTensorFlow(configJson).map(({ problem }) => ({ path: 'learner', problem })));
}

export async function checkTask(config: RunConfig, problems: InputProblem[]): Promise<Task | undefined> {
  let task: Task;
  try {
    task = await openTask(config.task.name, config.task.options);
  } catch (error) {
    const found = taskProblems(error);
    if (!found) throw error;
    problems.push(...found);
    return undefined;
  }
  const known = task.evaluation.map(({ name }) => name);
  if (known.length === 0) {
    problems.push({
      path: 'task.options.evaluation',
      problem: 'names no held-out set: a run is judged by at least one',
    });
  }
  (config.evaluation.sets ?? []).forEach((set, i) => {
    const problem = `the task has no held-out set "${set}"; it has: ${known.join(', ')}`;
    if (!known.includes(set)) problems.push({ path: `evaluation.sets[${i}]`, problem });
  });
  return task;
}

/** A set without a single prompt that fits would be drawn from for ever. */
export function checkPrompts(
  config: RunConfig,
  source: ProblemSource,
  tokenizer: PolicyTokenizer,
  problems: InputProblem[],
): void {
  const { maxPromptTokens } = config.sampling;
  for (let index = 0; index < source.size; index++) {
    if (tokenizer.encode(source.problem(index).prompt).length <= maxPromptTokens) return;
  }
  problems.push({ path: 'sampling.maxPromptTokens', problem: `every prompt of "${source.name}" is longer` });
}

function taskProblems(error: unknown): readonly InputProblem[] | undefined {
  if (error instanceof InvalidConfig) return error.problems;
  if (error instanceof EmptyProblemSet) return [{ path: 'task.options', problem: error.message }];
  if (error instanceof InvalidProblemSet) {
    return error.problems.map((problem) => ({ path: 'task.options', problem: `${error.source}: ${problem}` }));
  }
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    return [{ path: 'task.options', problem: error.message }];
  }
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
