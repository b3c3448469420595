/** A few responses before a run is started: the first that its first iteration would sample, and how each separator cuts them. */
import { checkInput, type CheckedInput } from '../../services/input/check-input.js';
import { ProblemDraw } from '../../iteration/draw.js';
import { engineServices } from '../../services/open-services.js';
import { initialRollouts, rolloutRequests } from '../../services/rollouts.js';
import { initialScoreRequest } from '../../iteration/score-request.js';
import { meanInfluence } from '../../algorithm/adaptive-sampling.js';
import { FIRST_PROBLEM } from '../../algorithm/data-order.js';
import {
  countSteps,
  hasInfluence,
  stepMetrics,
  type CutResponse,
  type StepMetrics,
} from '../../algorithm/step-counts.js';
import { STEP_SEPARATORS, type StepSeparator } from '../../algorithm/steps.js';
import { stepSettings, type RunConfig, type StepSettings } from '../../contracts/config/run-config.js';
import type { InferenceEngine, Rollout } from '../../contracts/engine/engine.js';
import type { CheckpointInfo } from '../../policy/model/checkpoint/inspect.js';
import { readTokenizer, type PolicyTokenizer } from '../../policy/model/tokenizer.js';

export interface ProbeOptions {
  readonly problems: number;
  /** Of each problem. */
  readonly responses: number;
  readonly onProgress?: (doing: string) => void;
  /** Left out: opened as a worker opens it, and closed at the end. */
  readonly engine?: InferenceEngine;
}

export interface Probe {
  readonly problems: number;
  readonly responses: number;
  /** Mean length of a response, in tokens. */
  readonly tokens: number;
  /** Share that ran into the limit. */
  readonly cutOff: number;
  /** What the form says. */
  readonly settings: StepSettings;
  /** From the coarsest to the finest. */
  readonly separators: readonly SeparatorFigures[];
  readonly suggested: StepSeparator;
}

/** What a separator makes of the responses. */
export interface SeparatorFigures extends StepMetrics {
  readonly separator: StepSeparator;
  readonly meanFci: number;
  /** Share of responses in which attention can tell steps apart: they have influence, and are not cut at every token. */
  readonly guided: number;
}

interface Probed {
  readonly prompt: readonly number[];
  readonly rollout: Rollout;
}

/** Undefined where the form would be refused, or files are not there: `planRun` says what is wrong. */
export async function probeRun(form: unknown, options: ProbeOptions): Promise<Probe | undefined> {
  const input = await checkInput(form, {});
  const { policy, problems } = input;
  if (problems.length > 0 || !policy || !('checkpoint' in policy)) return undefined;
  if (options.engine) return probeWith(options.engine, input, policy.checkpoint, options);
  const services = engineServices();
  try {
    return await probeWith(await services.engine(input.config.engine), input, policy.checkpoint, options);
  } finally {
    await services.close();
  }
}

async function probeWith(
  engine: InferenceEngine,
  input: CheckedInput,
  { configJson, weights }: CheckpointInfo,
  options: ProbeOptions,
): Promise<Probe> {
  const { config, directory } = input;
  const { onProgress = () => undefined } = options;
  const tokenizer = await readTokenizer(directory);
  onProgress('load the model');
  await engine.load({ id: directory, config: configJson, weights });
  const probed = await sample(engine, input, tokenizer, options);
  onProgress('score them, cut by each separator');
  const separators = await figuresOf(engine, probed, config, directory, tokenizer);
  return {
    problems: options.problems,
    responses: probed.length,
    tokens: mean(probed.map(({ rollout }) => rollout.tokens.length)),
    cutOff: mean(probed.map(({ rollout }) => Number(!rollout.finished))),
    settings: stepSettings(config),
    separators,
    suggested: suggestSeparator(separators),
  };
}

/** The first problems of the run, and the first responses to each, as its first iteration samples them. */
async function sample(
  engine: InferenceEngine,
  { config, directory, prompts, task }: CheckedInput,
  tokenizer: PolicyTokenizer,
  { problems, responses, onProgress = () => undefined }: ProbeOptions,
): Promise<Probed[]> {
  const source = task!.training!;
  const draw = new ProblemDraw({ config, dataSetSize: source.size }, source, prompts!, FIRST_PROBLEM);
  while (draw.problems.length < problems) draw.advance(problems);
  const planned = initialRollouts([...draw.problems.entries()], config, { iteration: 0, responses });
  onProgress(`sample ${planned.length} responses of up to ${config.sampling.maxResponseTokens} tokens`);
  let ended = 0;
  const rollouts = await engine.generate(directory, rolloutRequests(planned, config.sampling, tokenizer), {
    onProgress: ({ done, tokens }) => {
      if (done > ended) onProgress(`${done} of ${planned.length}, ${tokens} tokens`);
      ended = done;
    },
  });
  return rollouts.map((rollout, i) => ({ rollout, prompt: draw.problems[planned[i].problem].prompt }));
}

/** All cuts are scored in one call: the engine takes what sequences have in common through its matrices once. */
async function figuresOf(
  engine: InferenceEngine,
  probed: readonly Probed[],
  config: RunConfig,
  id: string,
  tokenizer: PolicyTokenizer,
): Promise<SeparatorFigures[]> {
  const requests = STEP_SEPARATORS.flatMap((separator) =>
    probed.map(({ prompt, rollout }) => ({
      separator,
      ...initialScoreRequest(prompt, rollout.tokens, { ...config, steps: { separator } }, tokenizer),
    })),
  );
  const asked = requests.map(({ separator: _, cutBy: __, ...request }) => request);
  const scores = await engine.score(id, asked);
  const cuts = scores.map(({ fci }, i) => ({ ...requests[i], influence: fci.subarray(1) }));
  return STEP_SEPARATORS.map((separator) => {
    const cut: CutResponse[] = cuts.filter((one) => one.separator === separator);
    return {
      separator,
      ...stepMetrics(countSteps(cut), cut.length),
      meanFci: meanInfluence(cut.map(({ influence }) => influence)),
      guided: mean(cut.map((response) => Number(hasInfluence(response) && response.cutBy !== 'token'))),
    };
  });
}

/** Then a finer separator is not worth it: its steps are smaller thoughts. */
const MOST = 0.75;

/** The coarsest that leaves most responses to attention; where none does, the one that leaves it the most. */
export function suggestSeparator(figures: readonly Pick<SeparatorFigures, 'separator' | 'guided'>[]): StepSeparator {
  const most = Math.max(...figures.map(({ guided }) => guided));
  const enough = Math.min(most, MOST);
  return figures.find(({ guided }) => guided >= enough)!.separator;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
