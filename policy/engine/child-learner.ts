/** A learner as a child process: by itself, or as a member of a team. */
import type {
  Learner,
  LearnerState,
  LossSettings,
  OptimizerSettings,
  TrainingSequence,
  UpdateMetrics,
} from '../../contracts/engine.js';
import type { Team } from '../learn/lanes.js';
import { withLargePages } from './large-pages.js';
import { ChildCaller } from './rpc.js';
import type { OnnxLearnerSettings } from '../learn/onnx-learner.js';
import { reviveError } from './revive-error.js';

export interface LearnerSettings extends Omit<OnnxLearnerSettings, 'team'> {
  /** What the learner runs on. */
  readonly runtime: 'onnx' | 'tfjs';
}

export interface MemberSettings extends LearnerSettings {
  readonly team?: Omit<Team, 'meet'>;
}

export class ChildLearner implements Learner {
  readonly #caller: ChildCaller;

  constructor(entry: string, settings: MemberSettings) {
    // TensorFlow's operators take fresh memory for each result.
    const env = settings.runtime === 'tfjs' ? withLargePages(process.env) : process.env;
    this.#caller = new ChildCaller(entry, JSON.stringify(settings), reviveError, env);
  }

  /** Process id of the child while it runs, for measurements and kills. */
  get pid(): number | undefined {
    return this.#caller.pid;
  }

  load(state: LearnerState): Promise<void> {
    return this.#caller.call('load', state);
  }

  /** @param meet called when the member waits for the others of its team */
  update(
    miniBatch: readonly TrainingSequence[],
    loss: LossSettings,
    optimizer: OptimizerSettings,
    tokenBudget: number,
    meet?: Team['meet'],
  ): Promise<UpdateMetrics> {
    return this.#caller.call('update', { miniBatch, loss, optimizer, tokenBudget }, { onProgress: meet });
  }

  supervise(
    miniBatch: readonly Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>[],
    optimizer: OptimizerSettings,
    tokenBudget: number,
    meet?: Team['meet'],
  ): Promise<{ loss: number; gradNorm: number; tokens: number }> {
    return this.#caller.call('supervise', { miniBatch, optimizer, tokenBudget }, { onProgress: meet });
  }

  save(weightsPath: string, optimizerPath: string): Promise<void> {
    return this.#caller.call('save', { weightsPath, optimizerPath });
  }

  /** 2-norm of each parameter's clipped gradient in the last update, by Hugging Face name. */
  lastGradNorms(): Promise<Record<string, number>> {
    return this.#caller.call('lastGradNorms', undefined);
  }

  /** Milliseconds for which the child has not answered, undefined while none runs. */
  silence(): number | undefined {
    return this.#caller.silence();
  }

  close(): Promise<void> {
    return this.#caller.close();
  }
}
