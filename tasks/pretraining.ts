/**
 * How the shipped model comes about: supervised training from random weights on error-prone demonstrations, short
 * programs first. Everything is a function of (seed, step), so the same seed gives the same model.
 */
import { deriveSeed, integerAt, openStream, Purpose } from '../algorithm/random.js';
import type { OptimizerSettings, TrainingSequence } from '../contracts/engine/engine.js';
import type { TextTokenizer } from '../contracts/engine/tokenizer.js';
import type { DemonstratorSettings } from './straight-line/demonstrator.js';
import { DEFAULT_DEMONSTRATORS, demonstrators } from './straight-line/demonstrator.js';
import { DEFAULT_PROGRAMS, programAt } from './straight-line/generator.js';
import type { Arithmetic } from './straight-line/program.js';
import { renderProblem, renderResponse } from './straight-line/program.js';

export type SupervisedSequence = Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>;

/** A part of the curriculum. */
export interface Stage {
  readonly steps: number;
  /** Fewest and most lines, and how often programs of this length are drawn, relative to the stage's other lengths. */
  readonly lengths: readonly { readonly lines: readonly [number, number]; readonly share: number }[];
}

export interface PretrainingSettings {
  readonly seed: number;
  readonly stages: readonly Stage[];
  /** Prompt and response tokens of a mini-batch: as many whole sequences as fit, at least one. */
  readonly tokensPerStep: number;
  readonly peakLearningRate: number;
  readonly warmUpSteps: number;
  /** Of the peak, reached at the last step. */
  readonly finalLearningRateShare: number;
  readonly demonstrators: DemonstratorSettings;
}

/** What the shipped model was trained with. */
export const DEFAULT_PRETRAINING: PretrainingSettings = {
  seed: 0,
  // Lengths are mixed from the start: a stage that begins with unknown positions unlearns what the one before taught.
  stages: [
    {
      steps: 1500,
      lengths: [
        { lines: [1, 3], share: 1 },
        { lines: [4, 9], share: 3 },
      ],
    },
    {
      steps: 2000,
      lengths: [
        { lines: [1, 3], share: 1 },
        { lines: [4, 9], share: 6 },
        { lines: [10, 16], share: 2 },
      ],
    },
  ],
  // Small steps: looking names up is learnt after so many steps rather than so many tokens.
  tokensPerStep: 2048,
  peakLearningRate: 1e-3,
  warmUpSteps: 200,
  finalLearningRateShare: 0.05,
  demonstrators: DEFAULT_DEMONSTRATORS,
};

export function totalSteps(settings: PretrainingSettings): number {
  return settings.stages.reduce((sum, { steps }) => sum + steps, 0);
}

/** Linear warm-up, then half a cosine down to the final share. @param step 0 … totalSteps - 1 */
export function learningRate(settings: PretrainingSettings, step: number): number {
  const { peakLearningRate, warmUpSteps, finalLearningRateShare } = settings;
  if (step < warmUpSteps) return (peakLearningRate * (step + 1)) / warmUpSteps;
  const progress = (step - warmUpSteps) / Math.max(1, totalSteps(settings) - 1 - warmUpSteps);
  const falling = (1 + Math.cos(Math.PI * progress)) / 2;
  return peakLearningRate * (finalLearningRateShare + (1 - finalLearningRateShare) * falling);
}

export function optimizerSettings(settings: PretrainingSettings, step: number): OptimizerSettings {
  return {
    learningRate: learningRate(settings, step),
    betas: [0.9, 0.98],
    eps: 1e-8,
    weightDecay: 0.01,
    maxGradNorm: 1,
  };
}

/** Mini-batches by step. Only programs of the training split are demonstrated. */
export class Curriculum {
  readonly #settings: PretrainingSettings;
  readonly #tokenizer: TextTokenizer;
  readonly #demonstrators: readonly Arithmetic[];

  constructor(settings: PretrainingSettings, tokenizer: TextTokenizer) {
    this.#settings = settings;
    this.#tokenizer = tokenizer;
    this.#demonstrators = demonstrators(settings.demonstrators);
  }

  /** The step's mini-batch, shortest sequence first. */
  miniBatch(step: number): SupervisedSequence[] {
    const batch: SupervisedSequence[] = [];
    let tokens = 0;
    for (let place = 0; ; place++) {
      const sequence = this.#demonstration(step, place);
      tokens += sequence.tokens.length;
      if (tokens > this.#settings.tokensPerStep && batch.length > 0) break;
      batch.push(sequence);
    }
    return batch.sort((a, b) => a.tokens.length - b.tokens.length);
  }

  #demonstration(step: number, place: number): SupervisedSequence {
    const { seed } = this.#settings;
    const choice = openStream(seed, Purpose.demonstration, [3, step, place]);
    const { lengths } = this.#stageAt(step);
    let ticket = integerAt(
      choice,
      0,
      lengths.reduce((sum, { share }) => sum + share, 0),
    );
    const length = lengths.find(({ share }) => (ticket -= share) < 0) ?? lengths[lengths.length - 1];
    const arithmetic = this.#demonstrators[integerAt(choice, 1, this.#demonstrators.length)];
    const programSeed = deriveSeed(seed, Purpose.demonstration, [4, step]);
    const program = programAt({ ...DEFAULT_PROGRAMS, lines: length.lines }, 'train', programSeed, place);
    return supervised(this.#tokenizer, renderProblem(program), renderResponse(program, arithmetic));
  }

  #stageAt(step: number): Stage {
    let start = 0;
    for (const stage of this.#settings.stages) {
      start += stage.steps;
      if (step < start) return stage;
    }
    throw new RangeError(`the curriculum has ${start} steps, there is no step ${step}`);
  }
}

/** One response to one prompt, end of sequence behind it; only the response is trained on. */
function supervised(tokenizer: TextTokenizer, prompt: string, response: string): SupervisedSequence {
  const promptIds = tokenizer.encode(prompt);
  const tokens = Int32Array.from([...promptIds, ...tokenizer.encode(response), tokenizer.eosIds[0]]);
  return {
    tokens,
    predecessors: tokens.map((_, i) => i - 1),
    weights: Float32Array.from(tokens, (_, i) => (i < promptIds.length ? 0 : 1)),
  };
}
