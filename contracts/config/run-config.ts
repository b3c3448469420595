/** What a run goes by. */
import type { StepSeparator } from '../../algorithm/steps.js';
import type { DeepReadonly } from './deep-readonly.js';
import type { FilledForm } from './form.js';
import type { ModelDefaults } from './model-defaults.js';

export type Algorithm = FilledForm['algorithm'];
export type Pipeline = NonNullable<FilledForm['pipeline']>;

/** A form with all decided but what depends on the model. */
export type OpenConfig = Omit<
  FilledForm,
  '$schema' | 'pipeline' | 'steps' | 'branching' | 'adaptiveSampling' | 'verifier'
> & {
  pipeline: Pipeline;
  /** Left out where steps end at blank lines: a configuration from before there was a choice keeps its hash. */
  steps?: { separator: StepSeparator };
  branching: FilledForm['branching'] & { delta: number };
  adaptiveSampling: FilledForm['adaptiveSampling'] & { enabled: boolean; responsesDrawn: number };
  verifier: FilledForm['verifier'] & { name: string };
};

/** What a run goes by: every field decided, frozen. How it cuts steps, `stepSettings` reads. Made by what knows the model, and by nothing else. */
export type RunConfig = DeepReadonly<{
  [Group in keyof OpenConfig]: Group extends keyof ModelDefaults
    ? Settled<OpenConfig[Group], keyof ModelDefaults[Group]>
    : OpenConfig[Group];
}>;
type Settled<Group, Key extends PropertyKey> = Omit<Group, Key> & Record<Key, number>;

export interface StepSettings {
  readonly separator: StepSeparator;
  /** Delta: a step's influence counts from this many steps ahead. */
  readonly delta: number;
}

export function stepSettings({ steps, branching }: Pick<RunConfig, 'steps' | 'branching'>): StepSettings {
  return { separator: steps?.separator ?? 'blank-line', delta: branching.delta };
}
