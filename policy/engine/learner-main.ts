/** Entry point of a learner's process. Argument: MemberSettings as JSON. */
import type { LearnerState, LossSettings, OptimizerSettings, TrainingSequence } from '../../contracts/engine.js';
import { OnnxLearner } from '../learn/onnx-learner.js';
import type { MemberSettings } from './child-learner.js';
import { serve, type ServedCall } from './rpc.js';

interface Step {
  readonly miniBatch: TrainingSequence[];
  readonly optimizer: OptimizerSettings;
  readonly tokenBudget: number;
}

const { team, ...settings } = JSON.parse(process.argv[2]) as MemberSettings;
/** The step under way: its progress is that this member waits for the others. */
let step: ServedCall;
const meet = async (): Promise<void> => {
  await step.progress('waits for the team');
  step.signal.throwIfAborted();
};
const learner = new OnnxLearner(team ? { ...settings, team: { ...team, meet } } : settings);

serve({
  load: (state: LearnerState) => learner.load(state),
  update: ({ miniBatch, loss, optimizer, tokenBudget }: Step & { readonly loss: LossSettings }, call) => {
    step = call;
    return learner.update(miniBatch, loss, optimizer, tokenBudget);
  },
  supervise: ({ miniBatch, optimizer, tokenBudget }: Step, call) => {
    step = call;
    return learner.supervise(miniBatch, optimizer, tokenBudget);
  },
  save: ({ weightsPath, optimizerPath }: { weightsPath: string; optimizerPath: string }) =>
    learner.save(weightsPath, optimizerPath),
  lastGradNorms: () => learner.lastGradNorms(),
});
