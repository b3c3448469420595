/** The learner on onnxruntime: owns weights and optimiser between `load` and `save`. Runs inside one process. */
import { tmpdir } from 'node:os';
import { policyLoss } from '../../algorithm/loss.js';
import type {
  LearnerState,
  LossSettings,
  OptimizerSettings,
  PolicyFiles,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine.js';
import { loadWeights } from '../checkpoint/load.js';
import type { SessionSettings } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';
import { hasLargeVocabulary, hasLargeWeights } from '../qwen2/large.js';
import { toHuggingFace, type Weights } from '../qwen2/parameters.js';
import { adamWStep, clipScale, norm, type OptimizerState } from './adamw.js';
import { GradientRunner } from './gradient-runner.js';
import type { GradientSource } from './gradient-source.js';
import type { Team } from './lanes.js';
import { column, type MiniBatch, miniBatchOf, requireUsable, type TrainingRow } from './mini-batch.js';
import { type Moments, MomentsInFile, MomentsInMemory } from './moments.js';
import { NonFiniteUpdate } from './non-finite-update.js';
import { readOptimizer, writeOptimizer, writeWeights } from './optimizer-file.js';
import { type SegmentLimits, SegmentedRunner } from './segments/segmented-runner.js';

export interface OnnxLearnerSettings extends SessionSettings {
  /** Piece by piece instead of one graph for the whole model (and how large the pieces are); left out: if it is large. */
  readonly segmented?: boolean | SegmentLimits;
  /** Folder for the moments of large models; left out: the system's for temporary files. */
  readonly scratch?: string;
  /** Those with whom the work on a small model is shared; left out: nobody. */
  readonly team?: Team;
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
    const { config, weights } = await loadWeights(policy);
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
      runner: await this.#runnerOf(config),
    };
  }

  async update(
    rows: readonly TrainingSequence[],
    settings: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
  ): Promise<UpdateMetrics> {
    const { config, weights, runner } = this.#started();
    rows.forEach((row, i) => requireUsable(config, row, i));
    const batch = miniBatchOf(rows);
    const columns = {
      advantages: column(rows, (row) => row.advantages),
      oldLogProbs: column(rows, (row) => row.oldLogProbs),
      refLogProbs: await this.#refLogProbs(rows, batch, settings, tokenBudget),
    };
    const { temperature, clipLow, clipHigh, dualClip, klWeight } = settings;
    const goal = { kind: 'policy', loss: { clipLow, clipHigh, dualClip, klWeight } } as const;
    const { refLogProbs, ...rest } = columns;
    const fed = { ...rest, shares: batch.shares, ...(klWeight > 0 ? { refLogProbs } : {}) };
    const { logProbs, entropies } = await runner.run(weights, batch, fed, goal, temperature, tokenBudget);
    const { gradient: _, ...metrics } = policyLoss({ ...columns, logProbs, weights: batch.weights }, settings);
    const gradNorm = this.#step(metrics.loss, optimizer);
    return { ...metrics, entropy: mean(batch, entropies), gradNorm, tokens: batch.total };
  }

  async supervise(
    rows: readonly TrainingRow[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    const { config, weights, runner } = this.#started();
    rows.forEach((row, i) => requireUsable(config, row, i));
    const batch = miniBatchOf(rows);
    const fed = { shares: batch.shares };
    const { logProbs } = await runner.run(weights, batch, fed, { kind: 'cross-entropy' }, 1, tokenBudget);
    const loss = -mean(batch, logProbs);
    return { loss, gradNorm: this.#step(loss, optimizer), tokens: batch.total };
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

  #segmented(config: ModelConfig): boolean {
    return Boolean(this.settings.segmented ?? (hasLargeWeights(config) || hasLargeVocabulary(config)));
  }

  async #runnerOf(config: ModelConfig): Promise<GradientSource> {
    const shape = JSON.stringify(config);
    if (this.#kept && this.#kept.shape !== shape) await this.#closeKept();
    if (this.#segmented(config)) {
      const { segmented } = this.settings;
      return new SegmentedRunner(config, this.settings, typeof segmented === 'object' ? segmented : undefined);
    }
    this.#kept ??= { shape, runner: new GradientRunner(config, this.settings, this.settings.team) };
    return this.#kept.runner;
  }

  async #closeKept(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.runner.close();
  }

  /** Lets the policy go, and what can not serve another. */
  async #letGo(): Promise<void> {
    const training = this.#training;
    this.#training = undefined;
    training?.optimizer.moments.close();
    if (training?.runner !== this.#kept?.runner) await training?.runner.close();
  }

  /** The reference's weights; those of a large model are read again whenever they are needed, and not kept. */
  async #frozen(config: ModelConfig, reference: PolicyFiles): Promise<Weights | (() => Promise<Weights>)> {
    const read = async (): Promise<Weights> => (await loadWeights(reference)).weights;
    return this.#segmented(config) ? read : await read();
  }

  #moments(config: ModelConfig): Moments {
    if (!this.#segmented(config)) return new MomentsInMemory(config);
    return new MomentsInFile(config, this.settings.scratch ?? tmpdir());
  }

  #started(): Training {
    if (!this.#training) throw new Error('the learner has no policy: load one first');
    return this.#training;
  }

  /** Of the rows that come without, from the frozen reference; zeros where the divergence has no weight. */
  async #refLogProbs(
    rows: readonly TrainingSequence[],
    batch: MiniBatch,
    { klWeight, temperature }: LossSettings,
    tokenBudget: number,
  ): Promise<Float32Array> {
    const given = column(rows, (row) => row.refLogProbs ?? new Float32Array(row.tokens.length));
    if (klWeight === 0 || rows.every((row) => row.refLogProbs)) return given;
    const { reference, runner } = this.#started();
    if (!reference) throw new RangeError('klWeight > 0 needs log-probs of the reference, or the reference itself');
    const { logProbs } = await runner.run(
      await reference(),
      batch,
      {},
      { kind: 'log-probs' },
      temperature,
      tokenBudget,
    );
    rows.forEach((row, i) => row.refLogProbs && logProbs.set(row.refLogProbs, batch.starts[i]));
    return logProbs;
  }

  /** Clips the gradient and takes an optimiser step; @returns the norm before clipping. @throws NonFiniteUpdate */
  #step(loss: number, settings: OptimizerSettings): number {
    const { weights, optimizer, runner } = this.#started();
    const gradNorm = norm(runner.gradient.values());
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw new NonFiniteUpdate(loss, gradNorm);
    this.#lastScale = clipScale(gradNorm, settings);
    adamWStep(weights, runner.gradient, optimizer, this.#lastScale, settings);
    return gradNorm;
  }
}

/** Weighted mean over the mini-batch. */
function mean({ shares }: MiniBatch, values: Float32Array): number {
  return values.reduce((sum, value, t) => sum + shares[t] * value, 0);
}
