/**
 * The learner as several processes. A small model's graphs are made of operators too short to be shared by threads, so its
 * micro-batches are shared by single-threaded processes, each with the whole policy and optimiser: they exchange gradients
 * and take the same step (`learn/lanes.ts`). A large model is left to one process and all threads. Bits do not depend on it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  Learner,
  LearnerState,
  LossSettings,
  OptimizerSettings,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine.js';
import { LANES, type Team } from '../learn/lanes.js';
import { ChildLearner, type LearnerSettings } from './child-learner.js';
import { Meeting } from './meeting.js';
import { MAX_BYTES_EVERYWHERE } from './settings.js';

export class TeamLearner implements Learner {
  #members: readonly ChildLearner[] = [];
  /** For what the members exchange. */
  #folder: string | undefined;

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
    const small = sizes.reduce((a, b) => a + b, 0) <= MAX_BYTES_EVERYWHERE;
    const size = small && this.settings.runtime === 'onnx' ? teamSize(this.settings.threads) : 1;
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
  ): Promise<UpdateMetrics> {
    return this.#together((member, meet) => member.update(miniBatch, loss, optimizer, tokenBudget, meet));
  }

  supervise(
    miniBatch: readonly Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    return this.#together((member, meet) => member.supervise(miniBatch, optimizer, tokenBudget, meet));
  }

  save(weightsPath: string, optimizerPath: string): Promise<void> {
    return this.#first().save(weightsPath, optimizerPath);
  }

  /** 2-norm of each parameter's clipped gradient in the last update, by Hugging Face name. */
  lastGradNorms(): Promise<Record<string, number>> {
    return this.#first().lastGradNorms();
  }

  /** Milliseconds for which a member has not answered, the longest; undefined while none runs. */
  silence(): number | undefined {
    const all = this.#members.map((member) => member.silence()).filter((silence) => silence !== undefined);
    return all.length === 0 ? undefined : Math.max(...all);
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.close()));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #gather(size: number): ChildLearner[] {
    const threads = Math.floor(this.settings.threads / size);
    if (size === 1) return [new ChildLearner(this.entry, this.settings)];
    const folder = (this.#folder = mkdtempSync(join(tmpdir(), 'attnrl-team-')));
    return Array.from(
      { length: size },
      (_, rank) => new ChildLearner(this.entry, { ...this.settings, threads, team: { rank, size, folder } }),
    );
  }

  /** Every member comes to the same result. @throws the first failure, when all have ended */
  async #together<Result>(work: (member: ChildLearner, meet: Team['meet']) => Promise<Result>): Promise<Result> {
    this.#first();
    const meeting = new Meeting(this.#members.length);
    const failures: unknown[] = [];
    const results = await Promise.all(
      this.#members.map((member) =>
        work(member, () => meeting.arrive()).catch((error: unknown) => {
          failures.push(error);
          meeting.fail(error instanceof Error ? error : new Error(String(error)));
          return undefined;
        }),
      ),
    );
    if (failures.length > 0) throw failures[0];
    return results[0]!;
  }

  #first(): ChildLearner {
    if (this.#members.length === 0) throw new Error('the learner has no policy: load one first');
    return this.#members[0];
  }
}

/** The most members that can share the lanes evenly, one thread or more to each. */
function teamSize(threads: number): number {
  let size = 1;
  while (2 * size <= Math.min(threads, LANES)) size *= 2;
  return size;
}
