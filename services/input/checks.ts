/** What `prepare` looks at before any work: each check adds the problems it finds to one list. */
import { access } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { ChosenByModel } from '../../contracts/config/resolve.js';
import type { RunConfig } from '../../contracts/config/run-config.js';
import { InvalidConfig, type InputProblem } from '../../contracts/errors/run-errors.js';
import { inspectCheckpoint, type CheckpointInfo } from '../../policy/model/checkpoint/inspect.js';
import { InvalidCheckpoint } from '../../policy/model/checkpoint/invalid-checkpoint.js';
import type { PromptEncoder } from '../../contracts/artifacts/prompt.js';
import {
  InvalidChatTemplate,
  NoChatTemplate,
  readChatTemplate,
  TemplatedPrompts,
} from '../../policy/model/chat-template.js';
import { unsupportedByTensorFlow } from '../../policy/tfjs/supported.js';
import { readTokenizer, TokenizerMismatch } from '../../policy/model/tokenizer.js';
import type { ProblemSource } from '../../tasks/problem-source.js';
import { checkVerifier } from '../../tasks/verifiers.js';
import { projectRoot } from '../project.js';
import { fitsHistory } from '../../contracts/protocol/evaluation-size.js';
import { openTask, TaskUnreadable, type Task } from '../../tasks/task.js';

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

/** Tokenizer and chat template of a checkpoint: prompts as its model gets them. */
export async function checkPromptEncoder(
  directory: string,
  problems: InputProblem[],
): Promise<TemplatedPrompts | undefined> {
  try {
    const tokenizer = await readTokenizer(directory);
    return new TemplatedPrompts(tokenizer, await readChatTemplate(directory), directory);
  } catch (error) {
    if (error instanceof InvalidChatTemplate) problems.push({ path: 'model', problem: error.message });
    else if (error instanceof TokenizerMismatch) {
      // What is wrong with config.json itself, the check of the checkpoint says.
      const own = error.problems.filter((problem) => !problem.startsWith('config.json:'));
      problems.push(...own.map((problem) => ({ path: 'model', problem: `${directory}/${problem}` })));
    } else throw error;
    return undefined;
  }
}

/** The model must have positions for the longest sequences that are asked of it. */
export function checkLengths(
  config: RunConfig,
  { config: model }: Pick<CheckpointInfo, 'config'>,
  groups: readonly ('sampling' | 'evaluation')[],
  problems: InputProblem[],
): void {
  for (const group of groups) {
    const { maxPromptTokens, maxResponseTokens } = config[group];
    const longest = maxPromptTokens + maxResponseTokens;
    if (longest <= model.maxPositions) continue;
    problems.push({
      path: `${group}.maxResponseTokens`,
      problem: `with ${group}.maxPromptTokens makes ${longest} tokens, the model has ${model.maxPositions} positions`,
    });
  }
}

export async function checkVerification({ verifier }: RunConfig, problems: InputProblem[]): Promise<void> {
  const problem = await checkVerifier(verifier);
  if (problem !== undefined) problems.push({ path: 'verifier.name', problem });
}

/** Not every learner trains every model. @param configJson contents of config.json */
export function checkLearner({ learner }: RunConfig, configJson: unknown, problems: InputProblem[]): void {
  if (learner !== 'tfjs') return;
  problems.push(...unsupportedByTensorFlow(configJson).map(({ problem }) => ({ path: 'learner', problem })));
}

export async function checkTask(
  config: RunConfig,
  problems: InputProblem[],
  evaluationOnly: boolean,
): Promise<Task | undefined> {
  let task: Task;
  try {
    task = await openTask(config.task.name, config.task.options, evaluationOnly ? ['evaluation'] : undefined);
  } catch (error) {
    if (!(error instanceof InvalidConfig || error instanceof TaskUnreadable)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
  const known = task.evaluation.map(({ name }) => name);
  const unknown = (set: string): string => `the task has no held-out set "${set}"; it has: ${known.join(', ')}`;
  const { sets = known, samplesBySet = {} } = config.evaluation;
  if (!task.training && !evaluationOnly)
    problems.push({ path: 'task.options.training', problem: 'names no problems to train on' });
  if (known.length === 0) {
    problems.push({
      path: 'task.options.evaluation',
      problem: 'names no held-out set: a run is judged by at least one',
    });
  }
  if (sets.length > MOST_SETS) {
    problems.push({
      path: 'evaluation.sets',
      problem: `${sets.length} held-out sets, at most ${MOST_SETS} are possible`,
    });
  } else if (!fitsHistory(sets)) {
    problems.push({
      path: 'evaluation.sets',
      problem: `the names of ${sets.length} held-out sets are too long together: shorter ones, or fewer, are needed`,
    });
  }
  sets.forEach((set, i) => {
    if (!known.includes(set)) problems.push({ path: `evaluation.sets[${i}]`, problem: unknown(set) });
  });
  for (const set of Object.keys(samplesBySet)) {
    if (!known.includes(set)) problems.push({ path: `evaluation.samplesBySet.${set}`, problem: unknown(set) });
  }
  return task;
}

/** Their figures are in the workflow's history, which holds small results only. */
const MOST_SETS = 16;

/** Of each set that is looked at for what a chat template writes. */
const LOOKED_AT = 20;

/** Texts that are chats already must not be put into one because nobody said whether they are. */
export function checkChats(
  chosen: readonly ChosenByModel[],
  { training, evaluation }: Task,
  prompts: TemplatedPrompts,
  problems: InputProblem[],
): void {
  const path = 'task.options.chat';
  if (!chosen.some((choice) => choice.path === path)) return;
  for (const source of training ? [training, ...evaluation] : evaluation) {
    for (let index = 0; index < Math.min(source.size, LOOKED_AT); index++) {
      const { id, prompt } = source.problem(index);
      const mark = prompts.markIn(prompt);
      if (mark === undefined) continue;
      problems.push({
        path,
        problem:
          `the prompt of ${id} holds ${mark}, which a chat template writes: set it to false where texts are what the model ` +
          'gets, or to true where they are what its user says',
      });
      return;
    }
  }
}

/** A set without a single prompt that fits would be drawn from for ever. */
export function checkPrompts(
  source: ProblemSource,
  { group, maxPromptTokens }: { readonly group: 'sampling' | 'evaluation'; readonly maxPromptTokens: number },
  prompts: PromptEncoder,
  problems: InputProblem[],
): void {
  try {
    for (let index = 0; index < source.size; index++) {
      if (prompts.encode(source.problem(index).prompt).length <= maxPromptTokens) return;
    }
  } catch (error) {
    if (!(error instanceof NoChatTemplate || error instanceof InvalidChatTemplate)) throw error;
    problems.push({ path: 'model', problem: error.message });
    return;
  }
  problems.push({ path: `${group}.maxPromptTokens`, problem: `every prompt of "${source.name}" is longer` });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
