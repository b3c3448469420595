/**
 * The learner as several processes. A small model's graphs are made of operators too short to be shared by threads, so its
 * micro-batches are shared by single-threaded processes, each with the whole policy and optimiser: they exchange gradients
 * and take the same step (`training/partial-sums.ts`). A large model is left to one process and all threads, and so is a graphics
 * processor. Bits do not depend on the number of members.
 */
import { stat } from 'node:fs/promises';
import type {
  LearnerState,
  LossSettings,
  OptimizerSettings,
  StandingLearner,
  StepOptions,
  StepProgress,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine/engine.js';
import { findTfjs, takesGpu } from '../../scripts/load-tfjs.mjs';
import { PARTIAL_SUMS } from '../training/partial-sums.js';
import { LIMITS } from '../limits.js';
import { ChildLearner, type LearnerSettings, type MemberOptions } from './child-learner.js';
import { Barrier } from './barrier.js';
import { GroupFolder } from './group-folder.js';

export class LearnerGroup implements StandingLearner {
  #members: readonly ChildLearner[] = [];
  #isLarge = false;
  /** For what the members exchange. */
  #folder: GroupFolder | undefined;

  constructor(
    private readonly entry: string,
    private readonly settings: LearnerSettings,
  ) {}

  /** Process ids of the members that run, for measurements and kills. */
  get pids(): number[] {
    return this.#members.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  async load(state: LearnerState): Promise<void> {
    const sizes = await Promise.all(state.policy.weights.map(async (path) => (await stat(path)).size));
    const { bytesEverywhere } = (this.settings.limits ?? LIMITS).processes;
    this.#isLarge = sizes.reduce((a, b) => a + b, 0) > bytesEverywhere;
    const size = !this.#isLarge && !usesGpu(this.settings) ? teamSize(this.settings.threads) : 1;
    if (this.#members.length !== size) {
      await this.close();
      this.#members = this.#gather(size);
    }
    await Promise.all(this.#members.map((member) => member.load(state)));
  }

  update(
    miniBatch: readonly TrainingSequence[],
    loss: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<UpdateMetrics> {
    return this.#together(options, (member, own) => member.update(miniBatch, loss, optimizer, tokenBudget, own));
  }

  supervise(
    miniBatch: readonly Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: StepOptions,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    return this.#together(options, (member, own) => member.supervise(miniBatch, optimizer, tokenBudget, own));
  }

  save(weightsPath: string, optimizerPath: string): Promise<void> {
    return this.#first().save(weightsPath, optimizerPath);
  }

  /** A process gives memory back when it ends, and not before. */
  rest(): Promise<void> {
    return this.#isLarge ? this.close() : Promise.resolve();
  }

  /** 2-norm of each parameter's clipped gradient in the last update, by Hugging Face name. */
  lastGradNorms(): Promise<Record<string, number>> {
    return this.#first().lastGradNorms();
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#members.some((member) => member.busy);
  }

  /** Milliseconds for which a member has not answered, the longest; undefined while none runs. */
  silence(): number | undefined {
    const all = this.#members.map((member) => member.silence()).filter((silence) => silence !== undefined);
    return all.length === 0 ? undefined : Math.max(...all);
  }

  async close(): Promise<void> {
    const [members, folder] = [this.#members, this.#folder];
    [this.#members, this.#folder] = [[], undefined];
    await Promise.all(members.map((member) => member.close()));
    folder?.remove();
  }

  #gather(size: number): ChildLearner[] {
    const threads = Math.floor(this.settings.threads / size);
    if (size === 1) return [new ChildLearner(this.entry, this.settings)];
    const { path: folder } = (this.#folder = GroupFolder.make());
    return Array.from(
      { length: size },
      (_, rank) => new ChildLearner(this.entry, { ...this.settings, threads, group: { rank, size, folder } }),
    );
  }

  /** Every member comes to the same result. @throws the first failure, when all have ended */
  async #together<Result>(
    { onProgress, signal }: StepOptions = {},
    work: (member: ChildLearner, options: MemberOptions) => Promise<Result>,
  ): Promise<Result> {
    this.#first();
    const members = this.#members;
    const barrier = new Barrier(members.length);
    const passed = members.map((): StepProgress => ({ done: 0, total: 0 }));
    const failures: unknown[] = [];
    const results = await Promise.all(
      members.map((member, i) =>
        work(member, {
          barrier: () => barrier.arrive(),
          onProgress: (progress) => {
            passed[i] = progress;
            onProgress?.(sum(passed));
          },
          ...(signal ? { signal } : {}),
        }).catch((error: unknown) => {
          failures.push(error);
          barrier.fail(error instanceof Error ? error : new Error(String(error)));
          return undefined;
        }),
      ),
    );
    if (failures.length === 0) return results[0]!;
    // Some have taken a step that others have not: they are no group any more.
    if (failures.length < members.length && members === this.#members) await this.close();
    throw failures[0];
  }

  #first(): ChildLearner {
    if (this.#members.length === 0) throw new Error('the learner has no policy: load one first');
    return this.#members[0];
  }
}

function sum(parts: readonly StepProgress[]): StepProgress {
  return parts.reduce((a, b) => ({ done: a.done + b.done, total: a.total + b.total }));
}

/** One is not shared. */
function usesGpu({ runtime, provider = 'cpu' }: LearnerSettings): boolean {
  if (runtime === 'onnx') return provider !== 'cpu';
  const tfjs = findTfjs();
  return tfjs !== undefined && takesGpu(tfjs);
}

/** The most members that can share the partial sums evenly, one thread or more to each. */
function teamSize(threads: number): number {
  let size = 1;
  while (2 * size <= Math.min(threads, PARTIAL_SUMS)) size *= 2;
  return size;
}
