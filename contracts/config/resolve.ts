import { createHash } from 'node:crypto';
import { DELTA } from '../../algorithm/influence.js';
import { canonicalJson } from '../artifacts/canonical-json.js';
import type { FilledForm } from './form.js';
import type { OpenConfig, RunConfig } from './run-config.js';
import { contradictions, crossFieldProblems } from './rules.js';
import type { DeepReadonly } from './deep-readonly.js';
import { InvalidConfig, type InputProblem } from '../errors/run-errors.js';
import { fillDefaults } from './fill-defaults.js';
import { modelDefaults, SHIPPED_FACTS, type Choice, type ModelDefaults, type ModelFacts } from './model-defaults.js';

/** A form as far as it can be understood without its model. */
export interface ReadForm {
  readonly open: DeepReadonly<OpenConfig>;
  /** What is wrong with it by itself. */
  readonly problems: readonly InputProblem[];
}

/** A value that the form left to be decided by the model. */
export interface ChosenByModel extends Choice<number | boolean> {
  readonly path: string;
}

export interface SettledForm {
  readonly config: RunConfig;
  readonly problems: readonly InputProblem[];
  /** Empty where nothing is known of the model. */
  readonly chosen: readonly ChosenByModel[];
}

/**
 * The user's form -> a frozen configuration.
 * @throws InvalidConfig listing every unknown key, mistyped or impossible value with its path.
 */
export function resolveConfig(form: unknown, model: ModelFacts): RunConfig {
  const { config, problems } = settleForm(readForm(form), model);
  if (problems.length > 0) throw new InvalidConfig(problems);
  return config;
}

/**
 * For those who cannot look at the model: what is wrong with a form by itself.
 * @throws InvalidConfig as resolveConfig, but for what depends on the model
 */
export function checkForm(form: unknown): ReadForm['open'] {
  const read = readForm(form);
  const { problems } = settleForm(read, undefined);
  if (problems.length > 0) throw new InvalidConfig(problems);
  return read.open;
}

/** Defaults stand for what does not fit, so that the rest can still be judged. */
export function readForm(form: unknown): ReadForm {
  const { filled, problems } = fillDefaults(form);
  return { open: deepFreeze(decide(filled)), problems: [...problems, ...contradictions(filled)] };
}

/** @param model undefined where it cannot be looked at: then no rule is applied to what it decides */
export function settleForm({ open, problems }: ReadForm, model: ModelFacts | undefined): SettledForm {
  const defaults = modelDefaults(model ?? SHIPPED_FACTS, open);
  const chosen = [...chosenOf(open, defaults), ...(model ? chatOf(open, model) : [])];
  const config = deepFreeze(settled(open, defaults, chosen));
  const unknown = [...problems, ...(model ? [] : chosen)].map(({ path }) => path);
  const between = crossFieldProblems(config).filter(({ about }) => !about.some((path) => unknown.includes(path)));
  return {
    config,
    problems: [...problems, ...between.map(({ path, problem }) => ({ path, problem }))],
    chosen: model ? chosen : [],
  };
}

/** SHA-256 over the canonical JSON of the configuration. */
export function configHash(config: RunConfig): string {
  return createHash('sha256').update(canonicalJson(config)).digest('hex');
}

/** Fills what depends on other fields of the form. */
function decide({ $schema: _, steps, ...filled }: FilledForm): OpenConfig {
  const attnrl = filled.algorithm === 'attnrl';
  return {
    ...filled,
    ...(steps.separator === 'blank-line' ? {} : { steps: { separator: steps.separator } }),
    branching: { ...filled.branching, delta: steps.delta ?? filled.branching.delta ?? DELTA },
    pipeline: filled.pipeline ?? (attnrl ? 'one-step-off-policy' : 'on-policy'),
    adaptiveSampling: {
      ...filled.adaptiveSampling,
      enabled: filled.adaptiveSampling.enabled ?? attnrl,
      responsesDrawn: filled.adaptiveSampling.responsesDrawn ?? filled.sampling.responsesPerProblem,
    },
    verifier: {
      ...filled.verifier,
      name: filled.verifier.name ?? (filled.task.name === 'straight-line' ? 'math-in-process' : 'math'),
    },
  };
}

/** Fills what depends on the model. */
function settled(open: ReadForm['open'], defaults: ModelDefaults, chosen: readonly ChosenByModel[]): RunConfig {
  const { task } = open;
  const chat = chosen.find(({ path }) => path === CHAT);
  return {
    ...open,
    ...(chat ? { task: { ...task, options: { ...task.options, chat: chat.value } } } : {}),
    sampling: withChoices(open.sampling, defaults.sampling),
    branching: withChoices(open.branching, defaults.branching),
    adaptiveSampling: withChoices(open.adaptiveSampling, defaults.adaptiveSampling),
    update: withChoices(open.update, defaults.update),
    evaluation: withChoices(open.evaluation, defaults.evaluation),
    engine: withChoices(open.engine, defaults.engine),
    retention: withChoices(open.retention, defaults.retention),
  };
}

function withChoices<Key extends string, Group extends { readonly [K in Key]?: number | undefined }>(
  group: Group,
  choices: Readonly<Record<Key, Choice>>,
): Omit<Group, Key> & Record<Key, number> {
  const keys = Object.keys(choices) as Key[];
  const values = Object.fromEntries(keys.map((key) => [key, group[key] ?? choices[key].value]));
  return { ...group, ...(values as Record<Key, number>) };
}

/** Those that the form does not say. */
function chosenOf(open: ReadForm['open'], defaults: ModelDefaults): ChosenByModel[] {
  return Object.entries(defaults).flatMap(([group, choices]: [string, Readonly<Record<string, Choice>>]) =>
    Object.entries(choices)
      .filter(([key]) => (Reflect.get(open, group) as Readonly<Record<string, unknown>>)[key] === undefined)
      .map(([key, choice]) => ({ path: `${group}.${key}`, ...choice })),
  );
}

const CHAT = 'task.options.chat';

/**
 * A model that was taught to chat is asked in a chat. A run that goes on behind another one is asked as that one was: what its
 * options do not say was not so.
 */
function chatOf({ task, from }: ReadForm['open'], { chats }: ModelFacts): ChosenByModel[] {
  const open = task.name === 'files' && !Object.hasOwn(task.options, 'chat') && from === undefined;
  return open && chats
    ? [{ path: CHAT, value: true, why: 'it has a chat template: texts are what its user says' }]
    : [];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null)
    Object.values(Object.freeze(value)).forEach((part) => void deepFreeze(part));
  return value;
}
