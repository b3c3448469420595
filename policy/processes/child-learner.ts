/** A learner as a child process: by itself, or as a member of a group. */
import type {
  Learner,
  LearnerState,
  LossSettings,
  OptimizerSettings,
  StepOptions,
  StepProgress,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine/engine.js';
import type { WorkerGroup } from '../training/partial-sums.js';
import { withLargePages, withMemoryKept } from './large-pages.js';
import { ChildCaller } from './rpc.js';
import type { OnnxLearnerSettings } from '../onnx/learn/onnx-learner.js';
import { reviveError } from './revive-error.js';

export interface LearnerSettings extends Omit<OnnxLearnerSettings, 'group'> {
  /** What the learner runs on. */
  readonly runtime: 'onnx' | 'tfjs';
}

export interface MemberSettings extends LearnerSettings {
  readonly group?: Omit<WorkerGroup, 'barrier'>;
}

/** What a member tells during a step: how far it is, or that it waits for the others of its group. */
export type MemberProgress = ({ readonly kind: 'passing' } & StepProgress) | { readonly kind: 'waiting' };

export interface MemberOptions extends StepOptions {
  readonly barrier?: WorkerGroup['barrier'];
}

/** Operators of TensorFlow, and of large models on onnxruntime, which no group learns, take memory for each result. */
function environment({ runtime, group }: MemberSettings): NodeJS.ProcessEnv {
  if (runtime === 'tfjs') return withLargePages(process.env);
  return group ? process.env : withMemoryKept(process.env);
}

export class ChildLearner implements Learner {
  readonly #caller: ChildCaller;

  constructor(entry: string, settings: MemberSettings) {
    const env = environment(settings);
    this.#caller = new ChildCaller(entry, JSON.stringify(settings), reviveError, env);
  }

  /** Process id of the child while it runs, for measurements and kills. */
  get pid(): number | undefined {
    return this.#caller.pid;
  }

  load(state: LearnerState): Promise<void> {
    return this.#caller.call('load', state);
  }

  update(
    miniBatch: readonly TrainingSequence[],
    loss: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: MemberOptions,
  ): Promise<UpdateMetrics> {
    return this.#step('update', { miniBatch, loss, optimizer, tokenBudget }, options);
  }

  supervise(
    miniBatch: readonly Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
    options?: MemberOptions,
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    return this.#step('supervise', { miniBatch, optimizer, tokenBudget }, options);
  }

  save(weightsPath: string, optimizerPath: string): Promise<void> {
    return this.#caller.call('save', { weightsPath, optimizerPath });
  }

  /** 2-norm of each parameter's clipped gradient in the last update, by Hugging Face name. */
  lastGradNorms(): Promise<Record<string, number>> {
    return this.#caller.call('lastGradNorms', undefined);
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#caller.busy;
  }

  /** Milliseconds for which the child has not answered, undefined while none runs. */
  silence(): number | undefined {
    return this.#caller.silence();
  }

  close(): Promise<void> {
    return this.#caller.close();
  }

  #step<Result>(
    method: string,
    argument: object,
    { barrier, onProgress, signal }: MemberOptions = {},
  ): Promise<Result> {
    const told = (progress: MemberProgress): void | Promise<void> => {
      if (progress.kind === 'waiting') return barrier?.();
      onProgress?.(progress);
    };
    return this.#caller.call(method, argument, { onProgress: told, ...(signal ? { signal } : {}) });
  }
}
