/**
 * What a run does by default where it depends on the model and on what computes: the one place that decides it
 * (docs/decisions/0010-defaults-by-model.md). What the form says holds, and what is decided here follows from it.
 */
import type { FilledForm } from './form.js';
import type { DeepReadonly } from './deep-readonly.js';

/** What defaults depend on. */
export interface ModelFacts {
  readonly parameters: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly maxPositions: number;
  /** Its tokenizer or its chat template knows `</think>`. */
  readonly thinks: boolean;
  /** It has a chat template. */
  readonly chats: boolean;
}

export interface Choice<Value = number> {
  readonly value: Value;
  /** In few words, for `attnrl plan`. */
  readonly why: string;
}

/** What defaults take from a form. */
type Written = DeepReadonly<
  Pick<FilledForm, 'algorithm' | 'task' | 'sampling' | 'branching' | 'adaptiveSampling' | 'evaluation' | 'engine'>
>;

type Choices<Key extends string> = Readonly<Record<Key, Choice>>;

/** The fields of a form that are decided by the model, by group. */
export interface ModelDefaults {
  readonly sampling: Choices<'problemsPerIteration' | 'maxPromptTokens' | 'maxResponseTokens'>;
  readonly branching: Choices<'minTokenDistance'>;
  readonly adaptiveSampling: Choices<'maxProblemsPerIteration'>;
  readonly update: Choices<'learningRate' | 'miniBatchPaths' | 'tokenBudget'>;
  readonly evaluation: Choices<'maxPromptTokens' | 'maxResponseTokens'>;
  readonly engine: Choices<'slots'>;
  readonly retention: Choices<'keepEvery'>;
}

/** The model that comes with the project. */
export const SHIPPED_FACTS: ModelFacts = {
  parameters: 796_800,
  layers: 4,
  kvHeads: 2,
  headSize: 32,
  maxPositions: 1024,
  thinks: true,
  chats: false,
};

/** DeepSeek-R1-Distill-Qwen-1.5B: parameters, and the learning rate of the paper's run. */
const PAPER = { parameters: 1_777_088_000, learningRate: 1e-6 };
const SHIPPED_LEARNING_RATE = 6e-5;

/** Models up to here are made for the embedded task, or are as small: their defaults are those of the shipped model. */
const MOST_SMALL = 10e6;
/** Above, an iteration on a CPU has half the problems. */
const MOST_OF_16_PROBLEMS = 250e6;
const FLOAT_BYTES = 4;

/**
 * @param form what is written there goes into what follows from it: a mini-batch is a tenth of an iteration's paths, whoever
 *   chose their number
 */
export function modelDefaults(model: ModelFacts, form: Written): ModelDefaults {
  if (model.parameters <= MOST_SMALL) return smallDefaults(model, form);
  const { sampling, branching, adaptiveSampling, algorithm } = form;
  const graphics = onGraphics(form);
  const kind = `it ${model.thinks ? 'thinks' : 'does not think'}, ${graphics ? 'on a graphics processor' : 'on a CPU'}`;
  const lengths = lengthsOf(model, usualLengths(model.thinks, graphics), sampling, kind);
  const prompts = sampling.maxPromptTokens ?? lengths.maxPromptTokens.value;
  const responses = sampling.maxResponseTokens ?? lengths.maxResponseTokens.value;
  const evaluation = evaluationLengths(model, form, { prompts, responses });
  const problems = usualProblems(model, graphics, adaptiveSampling.maxProblemsPerIteration);
  const drawn = sampling.problemsPerIteration ?? problems.value;
  const branches = algorithm === 'grpo' ? 0 : branching.pointsPerResponse * branching.rolloutsPerPoint;
  const paths = drawn * sampling.responsesPerProblem * (1 + branches);
  const longestEvaluated =
    (form.evaluation.maxPromptTokens ?? evaluation.maxPromptTokens.value) +
    (form.evaluation.maxResponseTokens ?? evaluation.maxResponseTokens.value);
  return {
    sampling: { problemsPerIteration: problems, ...lengths },
    branching: {
      minTokenDistance: {
        value: Math.max(1, Math.floor(responses / 16)),
        why: "a sixteenth of a response, the paper's ratio",
      },
    },
    adaptiveSampling: {
      maxProblemsPerIteration: { value: Math.min(65_536, 4 * drawn), why: 'four times the first draws' },
    },
    update: {
      learningRate: {
        value: learningRateOf(model.parameters),
        why: `by size: ${SHIPPED_LEARNING_RATE.toExponential()} at ${inWords(SHIPPED_FACTS.parameters)}, ${PAPER.learningRate.toExponential()} at ${inWords(PAPER.parameters)} parameters`,
      },
      miniBatchPaths: {
        value: Math.max(16, Math.round(paths / 10)),
        why: `ten steps for ${paths.toLocaleString('en')} paths, as in the paper`,
      },
      tokenBudget: {
        value: Math.max(8192, 4 * (prompts + responses)),
        why: 'four of the longest paths, at least 8,192',
      },
    },
    evaluation,
    engine: { slots: slotsOf(model, graphics, Math.max(prompts + responses, longestEvaluated)) },
    retention: {
      keepEvery: {
        value: 10,
        why: `a policy with its moments is ${((3 * FLOAT_BYTES * model.parameters) / 2 ** 30).toPrecision(2)} GiB`,
      },
    },
  };
}

/** Those that the shipped model's runs have had from the beginning. */
function smallDefaults(model: ModelFacts, { sampling }: Written): ModelDefaults {
  const why = `at most ${inWords(MOST_SMALL)} parameters: as the shipped model`;
  const always = (value: number): Choice => ({ value, why });
  const lengths = lengthsOf(model, { prompts: 128, responses: 128 }, sampling, why);
  const longest =
    (sampling.maxPromptTokens ?? lengths.maxPromptTokens.value) +
    (sampling.maxResponseTokens ?? lengths.maxResponseTokens.value);
  return {
    sampling: { problemsPerIteration: always(24), ...lengths },
    branching: { minTokenDistance: always(12) },
    adaptiveSampling: { maxProblemsPerIteration: always(96) },
    update: {
      learningRate: always(SHIPPED_LEARNING_RATE),
      miniBatchPaths: always(64),
      tokenBudget: always(Math.max(8192, longest)),
    },
    evaluation: lengthsOf(model, { prompts: 256, responses: 256 }, {}, why),
    engine: { slots: always(384) },
    retention: { keepEvery: always(1) },
  };
}

/** Tokens, at most. */
interface Lengths {
  readonly prompts: number;
  readonly responses: number;
}

/** On a CPU an iteration should take minutes; thinking needs room wherever it is done. */
function usualLengths(thinks: boolean, graphics: boolean): Lengths {
  if (graphics) return { prompts: 1024, responses: thinks ? 8192 : 2048 };
  return { prompts: 512, responses: thinks ? 1024 : 512 };
}

/**
 * Within the model's positions. A prompt has a third of them at most, and a response never less than that: what was written and
 * leaves less room is refused, rather than met by a limit that hardly anything fits.
 */
function lengthsOf(
  { maxPositions }: ModelFacts,
  usual: Lengths,
  written: { readonly maxPromptTokens?: number | undefined },
  why: string,
): Choices<'maxPromptTokens' | 'maxResponseTokens'> {
  const third = Math.max(1, Math.floor(maxPositions / 3));
  const prompts = Math.min(usual.prompts, third);
  const room = Math.max(maxPositions - (written.maxPromptTokens ?? prompts), third);
  const within = (usually: number, room: number): Choice =>
    usually <= room
      ? { value: usually, why }
      : { value: room, why: `its ${maxPositions.toLocaleString('en')} positions` };
  return { maxPromptTokens: within(usual.prompts, third), maxResponseTokens: within(usual.responses, room) };
}

/** As in the training; where there is none to be alike to, as long as published figures need it (paper: 2048 and 32768). */
function evaluationLengths(
  model: ModelFacts,
  { task, evaluation }: Written,
  { prompts, responses }: Lengths,
): ModelDefaults['evaluation'] {
  const alone = task.name === 'files' && task.options['training'] === undefined;
  if (alone) {
    const usual = { prompts: 2048, responses: model.thinks ? 32_768 : 2048 };
    return lengthsOf(model, usual, evaluation, model.thinks ? 'as the paper evaluates' : 'it does not think');
  }
  const why = 'as in the training';
  return { maxPromptTokens: { value: prompts, why }, maxResponseTokens: { value: responses, why } };
}

function usualProblems({ parameters }: ModelFacts, graphics: boolean, most = Infinity): Choice {
  const usual = graphics ? 64 : parameters <= MOST_OF_16_PROBLEMS ? 16 : 8;
  if (usual > most) return { value: most, why: 'adaptiveSampling.maxProblemsPerIteration' };
  const why = graphics ? 'as in the paper, on a graphics processor' : `${inWords(parameters)} parameters on a CPU`;
  return { value: usual, why };
}

/** The power law through the shipped model's rate and the paper's, never above the former; to two digits. */
function learningRateOf(parameters: number): number {
  const exponent =
    Math.log(SHIPPED_LEARNING_RATE / PAPER.learningRate) / Math.log(PAPER.parameters / SHIPPED_FACTS.parameters);
  const rate = PAPER.learningRate * (PAPER.parameters / parameters) ** exponent;
  return Number(Math.min(SHIPPED_LEARNING_RATE, rate).toPrecision(2));
}

/** As many rollouts as there is memory for their keys and values, all of them being as long as they may. */
function slotsOf({ layers, kvHeads, headSize }: ModelFacts, graphics: boolean, longest: number): Choice {
  const gibibytes = graphics ? 16 : 2;
  const perRollout = longest * 2 * layers * kvHeads * headSize * FLOAT_BYTES;
  const room = Math.floor((gibibytes * 2 ** 30) / perRollout);
  // Products are made for eight rows at a time.
  const whole = room - (room % 8);
  const value = Math.min(384, Math.max(4, whole === 0 ? room : whole));
  return {
    value,
    why: value > room ? 'the fewest that are worth it' : `keys and values of all at full length in ${gibibytes} GiB`,
  };
}

function onGraphics({ engine }: Written): boolean {
  return engine.provider !== undefined && engine.provider !== 'cpu';
}

/** `135M`, `1.8B`. */
function inWords(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)}B`;
  return `${Number((count / 1e6).toPrecision(count < 1e6 ? 1 : 3))}M`;
}
