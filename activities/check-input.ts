import type { RunConfig } from '../contracts/config.js';
import { readConfig } from '../contracts/config.js';
import type { InputProblem } from '../contracts/errors.js';
import type { PromptEncoder } from '../contracts/prompt.js';
import type { CheckpointInfo } from '../policy/checkpoint/inspect.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import {
  checkCheckpoint,
  checkLearner,
  checkLengths,
  checkPromptEncoder,
  checkPrompts,
  checkTask,
  checkVerification,
  locateModel,
} from './checks.js';
import { checkDataSet, readFork, type Fork } from './fork.js';
import type { Task } from './task.js';

/** What a form leads to, as far as it can be used. Where nothing is wrong with it, `policy` and `task` are there. */
export interface CheckedInput {
  readonly config: RunConfig;
  /** Everything that is known to fail. */
  readonly problems: readonly InputProblem[];
  /** Of the model. */
  readonly directory: string;
  /** What the run begins with. */
  readonly policy: { readonly checkpoint: CheckpointInfo } | { readonly fork: Fork } | undefined;
  readonly prompts: PromptEncoder | undefined;
  readonly task: Task | undefined;
}

/**
 * Looks at everything that a run, or an evaluation alone, needs.
 * @param store where the record lies that a fork goes on behind; without one the run is looked at as if it began with its model
 */
export async function checkInput(
  form: unknown,
  { store, evaluationOnly = false }: { readonly store?: ArtifactStore; readonly evaluationOnly?: boolean },
): Promise<CheckedInput> {
  const { config, problems } = readConfig(form);
  const directory = await locateModel(config.model);
  const forked = config.from !== undefined && store !== undefined;
  const fork = forked ? await readFork(store, config, problems) : undefined;
  const checkpoint = forked ? undefined : await checkCheckpoint(directory, problems);
  const prompts = forked ? fork?.prompts : await checkPromptEncoder(directory, problems);
  const task = await checkTask(config, problems, evaluationOnly);
  await checkVerification(config, problems);
  const model = checkpoint ?? fork?.model;
  if (model && !evaluationOnly) checkLearner(config, model.configJson, problems);
  if (model) checkLengths(config, model, evaluationOnly ? ['evaluation'] : ['sampling', 'evaluation'], problems);
  const { sampling, evaluation } = config;
  if (prompts && task?.training && !evaluationOnly)
    checkPrompts(task.training, { group: 'sampling', ...sampling }, prompts, problems);
  if (prompts && task?.evaluation[0])
    checkPrompts(task.evaluation[0], { group: 'evaluation', ...evaluation }, prompts, problems);
  if (task && fork) checkDataSet(fork, task, problems);
  const policy = fork ? { fork } : checkpoint && { checkpoint };
  return { config, problems, directory, policy, prompts, task };
}
