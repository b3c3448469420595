/** Entry point of the learner's process. Argument: LearnerSettings as JSON. */
import type { LearnerState, LossSettings, OptimizerSettings, TrainingSequence } from '../../contracts/engine.js';
import { OnnxLearner } from '../learn/onnx-learner.js';
import type { LearnerSettings } from './child-learner.js';
import { serve } from './rpc.js';

interface Step {
  readonly miniBatch: TrainingSequence[];
  readonly optimizer: OptimizerSettings;
  readonly tokenBudget: number;
}

const learner = new OnnxLearner(JSON.parse(process.argv[2]) as LearnerSettings);

serve({
  load: (state: LearnerState) => learner.load(state),
  update: ({ miniBatch, loss, optimizer, tokenBudget }: Step & { readonly loss: LossSettings }) =>
    learner.update(miniBatch, loss, optimizer, tokenBudget),
  supervise: ({ miniBatch, optimizer, tokenBudget }: Step) => learner.supervise(miniBatch, optimizer, tokenBudget),
  save: ({ weightsPath, optimizerPath }: { weightsPath: string; optimizerPath: string }) =>
    learner.save(weightsPath, optimizerPath),
  lastGradNorms: () => learner.lastGradNorms(),
});
