/** What a run will take, before any of it is done. */
import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { checkInput, type CheckedInput } from '../../services/input/check-input.js';
import { checkLengths } from '../../services/input/checks.js';
import { ATTEMPT_HOURS } from '../../contracts/protocol/activity-roles.js';
import type { ChosenByModel } from '../../contracts/config/resolve.js';
import type { RunConfig } from '../../contracts/config/run-config.js';
import type { InputProblem } from '../../contracts/errors/run-errors.js';
import { type Limits, LIMITS, MACHINE_BYTES } from '../../policy/limits.js';
import type { ModelConfig } from '../../policy/model/config.js';
import { publishedModel } from './known-models.js';
import { modelSize, type ModelSize } from './model-size.js';
import { gibibytes, memoryByRole, storedBytes, type Memory, type Stored } from './resources.js';
import { FLOPS_OF_LEARNING, measureRates, type Rates } from './throughput.js';
import { iterationWork, type Assumptions, type Work } from './work.js';

export interface PlanOptions {
  /** Mean tokens of a response; left out: the limit. */
  readonly responseTokens?: number;
  /** Tokens of the model per second, new ones, scored ones, trained ones; what is left out is measured on this machine. */
  readonly rates?: Partial<Rates>;
  /** Of engine and learner; left out: those of this machine. */
  readonly limits?: Limits;
  readonly onProgress?: (doing: string) => void;
}

export interface RunPlanned {
  readonly config: RunConfig;
  /** What of it the configuration left to be decided by the model. */
  readonly chosen: readonly ChosenByModel[];
  /** What would be refused. */
  readonly problems: readonly InputProblem[];
  /** What could not be looked at, and what was found. */
  readonly notes: readonly string[];
  /** Undefined where nothing is known of the model. */
  readonly cost: RunCost | undefined;
}

export interface RunCost {
  readonly model: ModelSize;
  readonly assumptions: Assumptions;
  readonly work: Work;
  readonly memory: Memory;
  readonly stored: Stored;
  /** Tokens per second. */
  readonly rates: Rates;
  readonly measured: boolean;
  readonly seconds: IterationSeconds;
}

export interface IterationSeconds {
  readonly generate: number;
  readonly score: number;
  readonly learn: number;
  /** All of it by one machine. */
  readonly oneMachine: number;
  /** Rollouts and learner on machines of their own, each as fast; off policy, the next initial responses come while one learns. */
  readonly apart: number;
}

export async function planRun(form: unknown, options: PlanOptions = {}): Promise<RunPlanned> {
  const { onProgress = () => undefined } = options;
  onProgress('look at model and problems');
  const input = await checkInput(form, { published: (directory) => publishedModel(directory)?.facts });
  const { config, chosen } = input;
  const { model, problems, notes } = await shapeOf(input);
  notes.push(...setNotes(input), ...answerNotes(input));
  const assumed = assumptions(input, options, onProgress);
  notes.push(...assumed.notes);
  if (!model) return { config, chosen, problems, notes, cost: undefined };
  const size = modelSize(model);
  const work = iterationWork(config, assumed.means);
  const rates = await tokenRates(model, config, work, assumed.means, options);
  const seconds = secondsOf(work, config, rates.rates);
  const stored = storedBytes(size, work);
  const memory = memoryByRole(config, model, size, work, options.limits ?? LIMITS);
  notes.push(...memoryNotes(memory), ...cutOff(seconds, work), ...diskNotes(config, stored));
  return {
    config,
    chosen,
    problems,
    notes,
    cost: {
      model: size,
      assumptions: assumed.means,
      work,
      memory,
      stored,
      rates: rates.rates,
      measured: rates.measured,
      seconds,
    },
  };
}

/** The model's shape from its files, or that of the published model of the same name; files that are not there yet are a note. */
async function shapeOf({ config, directory, problems, policy }: CheckedInput) {
  const present = await isThere(directory);
  const notes: string[] = [];
  const remaining = problems.filter(({ path, problem }) => {
    const absent = path === 'model' ? !present : problem.includes('ENOENT');
    if (absent && path !== 'model') notes.push(`not looked at: ${problem}`);
    return !absent;
  });
  if (policy && 'checkpoint' in policy) return { model: policy.checkpoint.config, problems: remaining, notes };
  const model = present ? undefined : publishedModel(directory)?.config;
  if (!present) {
    notes.push(
      model
        ? `${directory} is not there: the shape is that of the published ${basename(directory)}, its files were not looked at`
        : `${directory} is not there, and no published model of that name is known`,
    );
  }
  if (model) checkLengths(config, { config: model }, ['sampling', 'evaluation'], remaining);
  return { model, problems: remaining, notes };
}

/** What is trained and judged on, as far as it is there. */
function setNotes({ config, task }: CheckedInput): string[] {
  if (!task) return [];
  const { sets, problemsPerSet, samplesPerProblem, samplesBySet = {}, every } = config.evaluation;
  const held = task.evaluation.filter(({ name }) => sets?.includes(name) ?? true);
  const samples = held.reduce(
    (sum, { name, size }) => sum + Math.min(size, problemsPerSet) * (samplesBySet[name] ?? samplesPerProblem),
    0,
  );
  const often = every > 0 ? `before, after and every ${every} iterations` : 'before and after';
  const judged = `an evaluation is ${samples} samples of ${held.length} held-out sets: ${often}`;
  return [...(task.training ? [`${task.training.size} problems to train on`] : []), judged];
}

/** Of the training set. */
const LOOKED_AT = 20;

/** Instruct models seldom put an answer into a box unasked. */
function answerNotes({ config, task }: CheckedInput): string[] {
  const { name, answer = 'boxed' } = config.verifier;
  const source = task?.training;
  if (!source || answer !== 'boxed' || name !== 'math' || config.task.name !== 'files') return [];
  const asked = Array.from({ length: Math.min(LOOKED_AT, source.size) }, (_, i) =>
    JSON.stringify(source.problem(i).prompt).includes('boxed'),
  );
  return asked.some(Boolean)
    ? []
    : [
        'no prompt asks for \\boxed{…}, and nothing else is rewarded: say it in task.options.instruction, or set verifier.answer ' +
          'to "anywhere"',
      ];
}

/** Prompts are measured where tokenizer and problems are there, else as long as the limit; responses are as asked, or as long. */
function assumptions(
  { config, prompts, task }: CheckedInput,
  { responseTokens }: PlanOptions,
  onProgress: (doing: string) => void,
): { means: Assumptions; notes: string[] } {
  const { maxPromptTokens, maxResponseTokens } = config.sampling;
  const response = Math.min(responseTokens ?? maxResponseTokens, maxResponseTokens);
  const source = task?.training;
  if (!source || !prompts) return { means: { promptTokens: maxPromptTokens, responseTokens: response }, notes: [] };
  onProgress('measure the prompts');
  const lengths = Array.from({ length: source.size }, (_, i) => prompts.encode(source.problem(i).prompt).length);
  const fitting = lengths.filter((length) => length <= maxPromptTokens);
  const longer = lengths.length - fitting.length;
  const promptTokens = fitting.reduce((sum, length) => sum + length, 0) / Math.max(1, fitting.length);
  const notes = [`prompts: ${source.size}, of which ${longer} are longer than ${maxPromptTokens} tokens and left out`];
  return { means: { promptTokens, responseTokens: response }, notes };
}

async function tokenRates(
  model: ModelConfig,
  config: RunConfig,
  work: Work,
  { promptTokens, responseTokens }: Assumptions,
  { rates: given = {}, onProgress = () => undefined }: PlanOptions,
): Promise<{ rates: Rates; measured: boolean }> {
  const { generate, score, learn } = given;
  if (generate !== undefined && score !== undefined && learn !== undefined)
    return { rates: { generate, score, learn }, measured: false };
  onProgress('measure what this machine does per second');
  const flops = await measureRates(model, config.engine);
  const { flopsPerToken, flopsPerAttended } = modelSize(model);
  const whole = flopsPerToken + (flopsPerAttended * (promptTokens + responseTokens)) / 2;
  return {
    rates: {
      generate: generate ?? flops.generate / (flopsPerToken + flopsPerAttended * work.context),
      score: score ?? flops.score / whole,
      learn: learn ?? flops.learn / (FLOPS_OF_LEARNING * whole),
    },
    measured: true,
  };
}

function secondsOf(work: Work, { pipeline, update }: RunConfig, rates: Rates): IterationSeconds {
  const generate = work.generated / rates.generate;
  // The frozen reference scores what is trained on, by a forward pass: a third of what learning it takes.
  const reference = update.klWeight > 0 ? work.trained / (FLOPS_OF_LEARNING * rates.learn) : 0;
  const score = work.scored / rates.score;
  const learn = work.trained / rates.learn + reference;
  const rollouts = generate + score;
  return {
    generate,
    score,
    learn,
    oneMachine: rollouts + learn,
    apart: pipeline === 'on-policy' ? rollouts + learn : Math.max(rollouts, rollouts * work.ofBranches + learn),
  };
}

/** More than this fills a disk before somebody looks. */
const MUCH_DISK = 20 * 2 ** 30;

/** What `npm start` begins is one worker for all. */
function memoryNotes({ rollout, learner }: Memory): string[] {
  const bytes = [...rollout, ...learner].reduce((sum, part) => sum + part.bytes, 0);
  if (bytes < MACHINE_BYTES) return [];
  return [
    `rollouts and learner take ${gibibytes(bytes)} together, this machine has ${gibibytes(MACHINE_BYTES)}: ` +
      'give each a machine of its own (`attnrl worker`), or lower engine.slots',
  ];
}

/** What the run's policies take. */
function diskNotes({ iterations, retention }: RunConfig, { policy }: Stored): string[] {
  const all = iterations * policy;
  if (all < MUCH_DISK) return [];
  const { keepLast, keepEvery } = retention;
  const kept =
    keepEvery === 1 ? 'all of them' : `the last ${keepLast}${keepEvery > 1 ? ` and every ${keepEvery}th` : ''}`;
  return [
    `${iterations} policies with their moments are ${(all / 2 ** 30).toFixed(0)} GiB of the store; ` +
      `\`attnrl gc --delete\`, also while the run goes on, leaves ${kept}`,
  ];
}

/** What one worker would be stopped at, each time. Shards of one worker run at once: each may take as long as all of them. */
function cutOff({ generate, score, learn }: IterationSeconds, { ofBranches }: Work): string[] {
  const activities = {
    'sampling the responses': generate * (1 - ofBranches),
    'sampling the branches': generate * ofBranches,
    scoring: score,
    'an update': learn,
  };
  return Object.entries(activities)
    .filter(([, seconds]) => seconds > ATTEMPT_HOURS * 3600)
    .map(
      ([what, seconds]) =>
        `${what} would take ${(seconds / 3600).toFixed(0)} h on one worker and is stopped after ${ATTEMPT_HOURS}: it takes ` +
        'a faster one, shorter responses or fewer problems per iteration',
    );
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
