/** The learner on onnxruntime: owns weights and optimiser between `load` and `save`. Runs inside one process. */
import { NonFiniteUpdate } from '../../../contracts/errors/engine-errors.js';
import { tmpdir } from 'node:os';
import type {
  LearnerState,
  LossSettings,
  OptimizerSettings,
  PolicyFiles,
  StepOptions,
  TrainingSequence,
  UpdateMetrics,
} from '../../../contracts/engine/engine.js';
import { loadWeights } from '../../model/checkpoint/load.js';
import { LIMITS } from '../../limits.js';
import type { SessionSettings } from '../runtime.js';
import type { ModelConfig } from '../../model/config.js';
import { isLearntInPieces } from '../../model/large.js';
import { toHuggingFace, type Weights } from '../../model/parameters.js';
import { adamWStep, clipScale, norm, type OptimizerState } from '../../training/adamw.js';
import { GradientRunner } from './gradient-runner.js';
import { betweenMicroBatches } from '../../training/between.js';
import type { GradientSource } from '../../training/gradient-source.js';
import type { WorkerGroup } from '../../training/partial-sums.js';
import { type Passes, policyGradient, supervisedGradient } from '../../training/learning.js';
import type { TrainingRow } from '../../training/mini-batch.js';
import { type Moments, MomentsInFile, MomentsInMemory } from '../../training/moments.js';
import { readOptimizer, writeOptimizer, writeWeights } from '../../training/optimizer-file.js';
import { SegmentedRunner } from './segments/segmented-runner.js';

export interface OnnxLearnerSettings extends SessionSettings {
  /** Folder for the moments of large models; left out: the system's for temporary files. */
  readonly scratch?: string;
  /** Those with whom the work on a small model is shared; left out: nobody. */
  readonly group?: WorkerGroup;
}

/** A policy in training. */
interface Training {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly optimizer: OptimizerState;
  readonly reference: (() => Promise<Weights>) | undefined;
  readonly runner: GradientSource;
}

export class OnnxLearner {
  #training: Training | undefined;
  /** Of the last small policy: its sessions serve every policy of the same shape. */
  #kept: { readonly shape: string; readonly runner: GradientRunner } | undefined;
  /** Factor on the gradient in the last step. */
  #lastScale = 1;

  constructor(private readonly settings: OnnxLearnerSettings) {}

  /** @throws InvalidCheckpoint, CheckpointDamaged */
  async load({ policy, optimizer, reference }: LearnerState): Promise<void> {
    await this.#letGo();
    const { config, weights } = await loadWeights(policy, this.settings.limits?.model);
    await this.start(config, weights, reference && (await this.#frozen(config, reference)), optimizer);
  }

  /** As `load`, from weights in memory, which the learner takes over and changes. @param optimizer path of its state */
  async start(
    config: ModelConfig,
    weights: Weights,
    reference?: Weights | (() => Promise<Weights>),
    optimizer?: string,
  ): Promise<void> {
    await this.#letGo();
    const moments = this.#moments(config);
    this.#training = {
      config,
      weights,
      optimizer: optimizer === undefined ? { steps: 0, moments } : await readOptimizer(config, optimizer, moments),
      reference: typeof reference === 'object' ? () => Promise.resolve(reference) : reference,
      runner: await this.#runnerOf(config, reference !== undefined),
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
    return { ...metrics, gradNorm: await this.#step(metrics.loss, optimizer) };
  }

  async supervise(
    rows: readonly TrainingRow[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    const { loss, tokens } = await supervisedGradient(this.#started().config, this.#passes(options), rows, tokenBudget);
    return { loss, gradNorm: await this.#step(loss, optimizer), tokens };
  }

  /** 2-norm of each Hugging Face tensor's gradient in the last step, after clipping. */
  lastGradNorms(): Promise<Record<string, number>> {
    const { config, runner } = this.#started();
    const tensors = [...toHuggingFace(config, runner.gradient)];
    return Promise.resolve(
      Object.fromEntries(tensors.map(([name, { data }]) => [name, norm([data()]) * this.#lastScale])),
    );
  }

  async save(weightsPath: string, optimizerPath: string): Promise<void> {
    const { config, weights, optimizer } = this.#started();
    await writeWeights(config, weights, weightsPath);
    await writeOptimizer(config, optimizer, optimizerPath);
  }

  /** Releases memory; `load` starts anew. */
  async close(): Promise<void> {
    await this.#letGo();
    await this.#closeKept();
  }

  /** The current policy, for who trains in the same process; changed in place by every step. */
  get weights(): Weights {
    return this.#started().weights;
  }

  /** Of the last step, before clipping; overwritten by the next. */
  get gradient(): Weights {
    return this.#started().runner.gradient;
  }

  async #runnerOf(config: ModelConfig, hasReference: boolean): Promise<GradientSource> {
    const shape = JSON.stringify(config);
    if (this.#kept && this.#kept.shape !== shape) await this.#closeKept();
    if (isLearntInPieces(config)) return new SegmentedRunner(config, this.settings, hasReference);
    this.#kept ??= { shape, runner: new GradientRunner(config, this.settings, this.settings.group) };
    this.#kept.runner.restart();
    return this.#kept.runner;
  }

  async #closeKept(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.runner.close();
  }

  /** Lets the policy go, and what cannot serve another. */
  async #letGo(): Promise<void> {
    const training = this.#training;
    this.#training = undefined;
    training?.optimizer.moments.close();
    if (training?.runner !== this.#kept?.runner) await training?.runner.close();
  }

  /** The reference's weights; those of a large model are read again whenever they are needed, and not kept. */
  async #frozen(config: ModelConfig, reference: PolicyFiles): Promise<Weights | (() => Promise<Weights>)> {
    const read = async (): Promise<Weights> => (await loadWeights(reference, this.settings.limits?.model)).weights;
    return isLearntInPieces(config) ? read : await read();
  }

  #moments(config: ModelConfig): Moments {
    if (!isLearntInPieces(config)) return new MomentsInMemory(config);
    const { scratch = tmpdir(), limits = LIMITS } = this.settings;
    return new MomentsInFile(config, scratch, limits.learn);
  }

  #started(): Training {
    if (!this.#training) throw new Error('the learner has no policy: load one first');
    return this.#training;
  }

  #passes(options?: StepOptions): Passes {
    const { weights, reference, runner } = this.#started();
    const between = betweenMicroBatches(options);
    return {
      policy: (...pass) => runner.run(weights, between, ...pass),
      reference: reference && (async (...pass) => runner.run(await reference(), between, ...pass)),
    };
  }

  /** Clips the gradient and takes an optimiser step; @returns the norm before clipping. @throws NonFiniteUpdate */
  async #step(loss: number, settings: OptimizerSettings): Promise<number> {
    const { weights, optimizer, runner } = this.#started();
    const gradNorm = norm(runner.gradient.values());
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw new NonFiniteUpdate(loss, gradNorm);
    this.#lastScale = clipScale(gradNorm, settings);
    await adamWStep(weights, runner.gradient, optimizer, this.#lastScale, settings);
    return gradNorm;
  }
}
