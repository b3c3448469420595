/** Entry point of a learner's process. Argument: MemberSettings as JSON. */
import type {
  Learner,
  LearnerState,
  LossSettings,
  OptimizerSettings,
  TrainingSequence,
} from '../../contracts/engine.js';
import type { MemberSettings } from './child-learner.js';
import { serve, type ServedCall } from './rpc.js';

interface Step {
  readonly miniBatch: TrainingSequence[];
  readonly optimizer: OptimizerSettings;
  readonly tokenBudget: number;
}

interface InspectableLearner extends Learner {
  lastGradNorms(): Promise<Record<string, number>>;
}

const { runtime, team, ...settings } = JSON.parse(process.argv[2]) as MemberSettings;

/** The step under way: its progress is that this member waits for the others. */
let step: ServedCall;
const meet = async (): Promise<void> => {
  await step.progress('waits for the team');
  step.signal.throwIfAborted();
};

/** Only the runtime in use is loaded. */
const open: Readonly<Record<MemberSettings['runtime'], () => Promise<InspectableLearner>>> = {
  onnx: async () => {
    const { OnnxLearner } = await import('../learn/onnx-learner.js');
    return new OnnxLearner(team ? { ...settings, team: { ...team, meet } } : settings);
  },
  tfjs: async () => new (await import('../tfjs/tfjs-learner.js')).TfjsLearner(settings),
};

let opened: Promise<InspectableLearner> | undefined;
/** Opened by the first call, which then hears of it when it can not be. */
const learner = (): Promise<InspectableLearner> => (opened ??= open[runtime]());

serve({
  load: async (state: LearnerState) => (await learner()).load(state),
  update: async ({ miniBatch, loss, optimizer, tokenBudget }: Step & { readonly loss: LossSettings }, call) => {
    step = call;
    return (await learner()).update(miniBatch, loss, optimizer, tokenBudget);
  },
  supervise: async ({ miniBatch, optimizer, tokenBudget }: Step, call) => {
    step = call;
    return (await learner()).supervise(miniBatch, optimizer, tokenBudget);
  },
  save: async ({ weightsPath, optimizerPath }: { weightsPath: string; optimizerPath: string }) =>
    (await learner()).save(weightsPath, optimizerPath),
  lastGradNorms: async () => (await learner()).lastGradNorms(),
});
