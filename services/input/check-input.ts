import { readForm, settleForm, type ChosenByModel } from '../../contracts/config/resolve.js';
import { type RunConfig } from '../../contracts/config/run-config.js';
import type { InputProblem } from '../../contracts/errors/run-errors.js';
import type { ModelFacts } from '../../contracts/config/model-defaults.js';
import type { TemplatedPrompts } from '../../policy/model/chat-template.js';
import type { CheckpointInfo } from '../../policy/model/checkpoint/inspect.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import {
  checkChats,
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
import { factsOf } from './model-facts.js';
import type { Task } from '../../tasks/task.js';

/** What a form leads to, as far as it can be used. Where nothing is wrong with it, `policy` and `task` are there. */
export interface CheckedInput {
  readonly config: RunConfig;
  /** What of it the form left to be decided by the model. */
  readonly chosen: readonly ChosenByModel[];
  /** Everything that is known to fail. */
  readonly problems: readonly InputProblem[];
  /** Of the model. */
  readonly directory: string;
  /** What the run begins with. */
  readonly policy: { readonly checkpoint: CheckpointInfo } | { readonly fork: Fork } | undefined;
  readonly prompts: TemplatedPrompts | undefined;
  readonly task: Task | undefined;
}

/**
 * Looks at everything that a run, or an evaluation alone, needs.
 * @param store where the record lies that a fork goes on behind; without one the run is looked at as if it began with its model
 * @param published what is known of a model whose files are not there, by its directory: enough for a plan
 */
export async function checkInput(
  form: unknown,
  {
    store,
    evaluationOnly = false,
    published = () => undefined,
  }: {
    readonly store?: ArtifactStore;
    readonly evaluationOnly?: boolean;
    readonly published?: (directory: string) => ModelFacts | undefined;
  },
): Promise<CheckedInput> {
  const read = readForm(form);
  const { open } = read;
  const found: InputProblem[] = [];
  const directory = await locateModel(open.model);
  const forked = open.from !== undefined && store !== undefined;
  const fork = forked ? await readFork(store, open, found) : undefined;
  const checkpoint = forked ? undefined : await checkCheckpoint(directory, found);
  const prompts = forked ? fork?.prompts : await checkPromptEncoder(directory, found);
  const model = checkpoint ?? fork?.model;
  const settled = settleForm(read, model ? factsOf(model.config, prompts) : published(directory));
  const { config, chosen } = settled;
  const problems = [...settled.problems, ...found];
  const task = await checkTask(config, problems, evaluationOnly);
  await checkVerification(config, problems);
  if (model && !evaluationOnly) checkLearner(config, model.configJson, problems);
  if (model) checkLengths(config, model, evaluationOnly ? ['evaluation'] : ['sampling', 'evaluation'], problems);
  const { sampling, evaluation } = config;
  if (prompts && task?.training && !evaluationOnly)
    checkPrompts(task.training, { group: 'sampling', ...sampling }, prompts, problems);
  if (prompts && task?.evaluation[0])
    checkPrompts(task.evaluation[0], { group: 'evaluation', ...evaluation }, prompts, problems);
  if (prompts && task) checkChats(chosen, task, prompts, problems);
  if (task && fork) checkDataSet(fork, task, problems);
  const policy = fork ? { fork } : checkpoint && { checkpoint };
  return { config, chosen, problems, directory, policy, prompts, task };
}
