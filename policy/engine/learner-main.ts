/** Entry point of the learner's process. Argument: LearnerSettings as JSON. */
import type {
  Learner,
  LearnerState,
  LossSettings,
  OptimizerSettings,
  TrainingSequence,
} from '../../contracts/engine.js';
import type { LearnerSettings } from './child-learner.js';
import { serve } from './rpc.js';

interface Step {
  readonly miniBatch: TrainingSequence[];
  readonly optimizer: OptimizerSettings;
  readonly tokenBudget: number;
}

interface InspectableLearner extends Learner {
  lastGradNorms(): Promise<Record<string, number>>;
}

const { runtime, ...settings } = JSON.parse(process.argv[2]) as LearnerSettings;

/** Only the runtime in use is loaded. */
const open: Readonly<Record<LearnerSettings['runtime'], () => Promise<InspectableLearner>>> = {
  onnx: async () => new (await import('../learn/onnx-learner.js')).OnnxLearner(settings),
  tfjs: async () => new (await import('../tfjs/tfjs-learner.js')).TfjsLearner(settings),
};

let opened: Promise<InspectableLearner> | undefined;
/** Opened by the first call, which then hears of it when it can not be. */
const learner = (): Promise<InspectableLearner> => (opened ??= open[runtime]());

serve({
  load: async (state: LearnerState) => (await learner()).load(state),
  update: async ({ miniBatch, loss, optimizer, tokenBudget }: Step & { readonly loss: LossSettings }) =>
    (await learner()).update(miniBatch, loss, optimizer, tokenBudget),
  supervise: async ({ miniBatch, optimizer, tokenBudget }: Step) =>
    (await learner()).supervise(miniBatch, optimizer, tokenBudget),
  save: async ({ weightsPath, optimizerPath }: { weightsPath: string; optimizerPath: string }) =>
    (await learner()).save(weightsPath, optimizerPath),
  lastGradNorms: async () => (await learner()).lastGradNorms(),
});
