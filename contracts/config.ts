import { createHash } from 'node:crypto';
import type { StepSeparator } from '../algorithm/steps.js';
import { canonicalJson } from './canonical-json.js';
import { runForm, type FilledForm } from './config-form.js';
import { InvalidConfig, type InputProblem } from './errors.js';
import { crossFieldProblems } from './config-rules.js';
import type { DeepReadonly } from './deep-readonly.js';

export type Algorithm = FilledForm['algorithm'];
export type Pipeline = NonNullable<FilledForm['pipeline']>;

/** What a run goes by: every field decided, frozen. How it cuts steps, `stepSettings` reads. */
export type RunConfig = DeepReadonly<
  Omit<FilledForm, '$schema' | 'pipeline' | 'steps' | 'branching' | 'adaptiveSampling' | 'verifier'> & {
    pipeline: Pipeline;
    /** Left out where steps end at blank lines: a configuration of before there was a choice keeps its hash. */
    steps?: { separator: StepSeparator };
    branching: Required<FilledForm['branching']>;
    adaptiveSampling: Required<FilledForm['adaptiveSampling']>;
    verifier: FilledForm['verifier'] & { name: string };
  }
>;

/**
 * The user's form -> a frozen configuration.
 * @throws InvalidConfig listing every unknown key, mistyped or impossible value with its path.
 */
export function resolveConfig(form: unknown): RunConfig {
  const { config, problems } = readConfig(form);
  if (problems.length > 0) throw new InvalidConfig(problems);
  return config;
}

/**
 * The same for a caller with more to check: all problems of the form, and a configuration in which defaults stand for
 * what did not fit.
 */
export function readConfig(form: unknown): { config: RunConfig; problems: InputProblem[] } {
  const { filled, problems } = fillDefaults(form);
  const config = deepFreeze(decide(filled));
  const broken = new Set(problems.map(({ path }) => path));
  const between = crossFieldProblems(config, filled).filter(({ about }) => !about.some((path) => broken.has(path)));
  return { config, problems: [...problems, ...between.map(({ path, problem }) => ({ path, problem }))] };
}

export interface StepSettings {
  readonly separator: StepSeparator;
  /** Delta: a step's influence counts from so many steps ahead. */
  readonly delta: number;
}

export function stepSettings({ steps, branching }: Pick<RunConfig, 'steps' | 'branching'>): StepSettings {
  return { separator: steps?.separator ?? 'blank-line', delta: branching.delta };
}

/** SHA-256 over the canonical JSON of the configuration. */
export function configHash(config: RunConfig): string {
  return createHash('sha256').update(canonicalJson(config)).digest('hex');
}

/** Fills defaults; a field that does not fit takes its default too, so that the rest can still be judged. */
function fillDefaults(form: unknown): { filled: FilledForm; problems: InputProblem[] } {
  const problems: InputProblem[] = [];
  let rest: unknown = form ?? {};
  for (;;) {
    const parsed = runForm.safeParse(rest);
    if (parsed.success) return { filled: parsed.data, problems };
    const given = rest;
    rest = structuredClone(rest);
    for (const issue of parsed.error.issues) {
      const at = issue.path.filter((key) => typeof key !== 'symbol');
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          problems.push({ path: jsonPath([...at, key]), problem: 'unknown key' });
          remove(rest, [...at, key]);
        }
      } else {
        const path = jsonPath(at);
        // What lacks only what was refused and removed is told of already.
        if (!problems.some((known) => known.path.startsWith(`${path}.`)))
          problems.push({ path, problem: issue.message.replace(/^Invalid input: /, '') });
        // What is missing can't be removed: what lacks it goes.
        const present = presentPart(given, at);
        if (present.length === 0) rest = {};
        else remove(rest, present);
      }
    }
  }
}

/** The paper's. */
const DELTA = 4;

/** Fills what depends on other fields. */
function decide({ $schema: _, steps, ...filled }: FilledForm): RunConfig {
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

/** `evaluation.sets[2]`. */
function jsonPath(keys: readonly (string | number)[]): string {
  return keys.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('');
}

/** The part of a path that leads to a value. */
function presentPart(value: unknown, path: readonly (string | number)[]): readonly (string | number)[] {
  let holder = value;
  for (const [i, key] of path.entries()) {
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) return path.slice(0, i);
    holder = Reflect.get(holder, key);
  }
  return path;
}

/** Removes the value at a path; an element of a list takes the whole list with it, so that indices stay true. */
function remove(value: unknown, path: readonly (string | number)[]): void {
  let holder = value;
  for (const [i, key] of path.entries()) {
    if (typeof holder !== 'object' || holder === null) return;
    const last = i === path.length - 1 || typeof path[i + 1] === 'number';
    if (last) {
      Reflect.deleteProperty(holder, key);
      return;
    }
    holder = Reflect.get(holder, key);
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null)
    Object.values(Object.freeze(value)).forEach((part) => void deepFreeze(part));
  return value;
}
