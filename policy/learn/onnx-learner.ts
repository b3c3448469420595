/** The learner on onnxruntime: owns weights and optimiser between `load` and `save`. Runs inside one process. */
import type {
  LearnerState,
  LossSettings,
  OptimizerSettings,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine.js';
import { loadWeights } from '../checkpoint/load.js';
import type { SessionSettings } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';
import { toHuggingFace, type Weights } from '../qwen2/parameters.js';
import { adamWStep, clipScale, norm, type OptimizerState } from './adamw.js';
import { GradientRunner } from './gradient-runner.js';
import { type Passes, policyGradient, supervisedGradient } from './learning.js';
import type { TrainingRow } from './mini-batch.js';
import { NonFiniteUpdate } from './non-finite-update.js';
import { freshOptimizer, readOptimizer, writeOptimizer, writeWeights } from './optimizer-file.js';
import { type ParameterBuffer, parameterBuffer } from './parameter-buffer.js';

/** A policy in training. */
interface Training {
  readonly config: ModelConfig;
  readonly weights: ParameterBuffer;
  readonly optimizer: OptimizerState;
  readonly reference: ParameterBuffer | undefined;
  readonly runner: GradientRunner;
}

export class OnnxLearner {
  #training: Training | undefined;
  /** Factor on the gradient in the last step. */
  #lastScale = 1;

  constructor(private readonly settings: SessionSettings) {}

  /** @throws InvalidCheckpoint, CheckpointDamaged */
  async load({ policy, optimizer, reference }: LearnerState): Promise<void> {
    const { config, weights } = await loadWeights(policy);
    const frozen = reference && (await loadWeights(reference)).weights;
    const state = optimizer === undefined ? undefined : await readOptimizer(config, optimizer);
    await this.start(config, weights, frozen, state);
  }

  /** As `load`, from weights in memory. */
  async start(config: ModelConfig, weights: Weights, reference?: Weights, optimizer?: OptimizerState): Promise<void> {
    await this.close();
    this.#training = {
      config,
      weights: parameterBuffer(config, weights),
      optimizer: optimizer ?? freshOptimizer(config),
      reference: reference && parameterBuffer(config, reference),
      runner: new GradientRunner(config, this.settings),
    };
  }

  async update(
    rows: readonly TrainingSequence[],
    settings: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
  ): Promise<UpdateMetrics> {
    const metrics = await policyGradient(this.#started().config, this.#passes(), rows, settings, tokenBudget);
    return { ...metrics, gradNorm: this.#step(metrics.loss, optimizer) };
  }

  async supervise(
    rows: readonly TrainingRow[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    const { loss, tokens } = await supervisedGradient(this.#started().config, this.#passes(), rows, tokenBudget);
    return { loss, gradNorm: this.#step(loss, optimizer), tokens };
  }

  /** 2-norm of each Hugging Face tensor's gradient in the last step, after clipping. */
  lastGradNorms(): Promise<Record<string, number>> {
    const { config, runner } = this.#started();
    const tensors = [...toHuggingFace(config, runner.gradient.views)];
    return Promise.resolve(Object.fromEntries(tensors.map(([name, { data }]) => [name, norm(data) * this.#lastScale])));
  }

  async save(weightsPath: string, optimizerPath: string): Promise<void> {
    const { config, weights, optimizer } = this.#started();
    await writeWeights(config, weights.views, weightsPath);
    await writeOptimizer(config, optimizer, optimizerPath);
  }

  /** Releases memory; `load` starts anew. */
  async close(): Promise<void> {
    const training = this.#training;
    this.#training = undefined;
    await training?.runner.close();
  }

  /** The current policy, for who trains in the same process; changed in place by every step. */
  get weights(): Weights {
    return this.#started().weights.views;
  }

  /** Of the last step, before clipping; overwritten by the next. */
  get gradient(): Weights {
    return this.#started().runner.gradient.views;
  }

  #started(): Training {
    if (!this.#training) throw new Error('the learner has no policy: load one first');
    return this.#training;
  }

  #passes(): Passes {
    const { weights, reference, runner } = this.#started();
    return {
      policy: (...pass) => runner.run(weights, ...pass),
      reference: reference && ((...pass) => runner.run(reference, ...pass)),
    };
  }

  /** Clips the gradient and takes an optimiser step; @returns the norm before clipping. @throws NonFiniteUpdate */
  #step(loss: number, settings: OptimizerSettings): number {
    const { weights, optimizer, runner } = this.#started();
    const gradNorm = norm(runner.gradient.all);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw new NonFiniteUpdate(loss, gradNorm);
    this.#lastScale = clipScale(gradNorm, settings);
    adamWStep(weights.all, runner.gradient.all, optimizer, this.#lastScale, settings);
    return gradNorm;
  }
}
