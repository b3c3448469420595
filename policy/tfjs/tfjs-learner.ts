/**
 * The learner on TensorFlow.js: owns weights and optimiser, on the device, between `load` and `save`. Runs inside one process.
 */
import { NonFiniteUpdate } from '../../contracts/errors/engine-errors.js';
import type {
  LearnerState,
  LossSettings,
  OptimizerSettings,
  PolicyFiles,
  StepOptions,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine/engine.js';
import { InvalidCheckpoint } from '../model/checkpoint/invalid-checkpoint.js';
import { loadWeights, type LoadedWeights } from '../model/checkpoint/load.js';
import { clipScale, norm } from '../training/adamw.js';
import { betweenMicroBatches } from '../training/between.js';
import { type Passes as LearnerPasses, policyGradient, supervisedGradient } from '../training/learning.js';
import type { TrainingRow } from '../training/mini-batch.js';
import { MomentsInMemory } from '../training/moments.js';
import { readOptimizer, writeOptimizer, writeWeights } from '../training/optimizer-file.js';
import type { ModelConfig } from '../model/config.js';
import { toHuggingFace, type Weights } from '../model/parameters.js';
import { adamWStep, type DeviceOptimizer, globalNorm } from './adamw.js';
import type { TensorFlow } from './device.js';
import { Passes, type PassSettings } from './passes.js';
import { loadTensorFlow, type TensorFlowSettings } from './runtime.js';
import { unsupportedByTensorFlow } from './supported.js';
import { Variables } from './variables.js';

/** A policy in training. */
interface Training {
  readonly config: ModelConfig;
  readonly weights: Variables;
  readonly optimizer: DeviceOptimizer;
  readonly reference: Variables | undefined;
  readonly passes: Passes;
}

export interface TfjsSettings extends TensorFlowSettings, PassSettings {}

export class TfjsLearner {
  readonly #tf: TensorFlow;
  #training: Training | undefined;
  /** Factor on the gradient in the last step. */
  #lastScale = 1;

  /** @throws TensorFlowMissing */
  constructor(private readonly settings: TfjsSettings) {
    this.#tf = loadTensorFlow(settings);
  }

  /** @throws InvalidCheckpoint, CheckpointDamaged */
  async load({ policy, optimizer, reference }: LearnerState): Promise<void> {
    const { config, weights } = await loadSupported(policy, this.settings);
    const frozen = reference && (await loadSupported(reference, this.settings)).weights;
    await this.start(config, weights, frozen, optimizer);
  }

  /** As `load`, from weights in memory. @param optimizer path of its state */
  async start(config: ModelConfig, weights: Weights, reference?: Weights, optimizer?: string): Promise<void> {
    await this.close();
    const moments = new MomentsInMemory(config);
    const { steps } = optimizer === undefined ? { steps: 0 } : await readOptimizer(config, optimizer, moments);
    const [first, second] = moments.all();
    const variables = (values?: Weights): Variables => new Variables(this.#tf, config, values);
    this.#training = {
      config,
      weights: variables(weights),
      optimizer: {
        steps,
        firstMoments: variables(first),
        secondMoments: variables(second),
      },
      reference: reference && variables(reference),
      passes: new Passes(this.#tf, config, variables(), this.settings),
    };
  }

  async update(
    rows: readonly TrainingSequence[],
    settings: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<UpdateMetrics> {
    const metrics = await policyGradient(this.#started().config, this.#passes(options), rows, settings, tokenBudget);
    return { ...metrics, gradNorm: this.#step(metrics.loss, optimizer) };
  }

  async supervise(
    rows: readonly TrainingRow[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    const { loss, tokens } = await supervisedGradient(this.#started().config, this.#passes(options), rows, tokenBudget);
    return { loss, gradNorm: this.#step(loss, optimizer), tokens };
  }

  /** 2-norm of each Hugging Face tensor's gradient in the last step, after clipping. */
  lastGradNorms(): Promise<Record<string, number>> {
    const tensors = [...toHuggingFace(this.#started().config, this.gradient)];
    return Promise.resolve(
      Object.fromEntries(tensors.map(([name, { data }]) => [name, norm([data()]) * this.#lastScale])),
    );
  }

  async save(weightsPath: string, optimizerPath: string): Promise<void> {
    const { config, optimizer } = this.#started();
    await writeWeights(config, this.weights, weightsPath);
    const moments = new MomentsInMemory(config);
    const { steps, firstMoments, secondMoments } = optimizer;
    await moments.change(firstMoments.names, (name, first, second) => {
      first.set(firstMoments.download(name));
      second.set(secondMoments.download(name));
    });
    await writeOptimizer(config, { steps, moments }, optimizerPath);
  }

  /** Releases memory; `load` starts anew. */
  close(): Promise<void> {
    const training = this.#training;
    this.#training = undefined;
    if (training) {
      const { weights, optimizer, reference, passes } = training;
      for (const variables of [weights, optimizer.firstMoments, optimizer.secondMoments, reference, passes.gradients])
        variables?.dispose();
    }
    return Promise.resolve();
  }

  /** A copy of the current policy. */
  get weights(): Weights {
    return this.#started().weights.downloadAll();
  }

  /** A copy of that of the last step, before clipping. */
  get gradient(): Weights {
    return this.#started().passes.gradients.downloadAll();
  }

  /** Tensors that exist now. */
  get tensors(): number {
    return this.#tf.tensors;
  }

  #started(): Training {
    if (!this.#training) throw new Error('the learner has no policy: load one first');
    return this.#training;
  }

  #passes(options?: StepOptions): LearnerPasses {
    const { weights, reference, passes } = this.#started();
    const between = betweenMicroBatches(options);
    return {
      policy: (...pass) => passes.run(weights, between, ...pass),
      reference: reference && ((...pass) => passes.run(reference, between, ...pass)),
    };
  }

  /** Clips the gradient and takes an optimiser step; @returns the norm before clipping. @throws NonFiniteUpdate */
  #step(loss: number, settings: OptimizerSettings): number {
    const { weights, optimizer, passes } = this.#started();
    const gradNorm = globalNorm(this.#tf, passes.gradients);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw new NonFiniteUpdate(loss, gradNorm);
    this.#lastScale = clipScale(gradNorm, settings);
    adamWStep(this.#tf, weights, passes.gradients, optimizer, this.#lastScale, settings);
    return gradNorm;
  }
}

function loadSupported(files: PolicyFiles, { limits }: TfjsSettings): Promise<LoadedWeights> {
  const problems = unsupportedByTensorFlow(files.config);
  if (problems.length > 0) throw new InvalidCheckpoint(files.id, problems);
  return loadWeights(files, limits?.model);
}
