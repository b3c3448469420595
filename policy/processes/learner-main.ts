/** Entry point of a learner's process. Argument: MemberSettings as JSON. */
import type {
  Learner,
  LearnerState,
  LossSettings,
  OptimizerSettings,
  StepOptions,
  TrainingSequence,
} from '../../contracts/engine/engine.js';
import type { MemberProgress, MemberSettings } from './child-learner.js';
import { serve, type ServedCall } from './rpc.js';

interface Step {
  readonly miniBatch: TrainingSequence[];
  readonly optimizer: OptimizerSettings;
  readonly tokenBudget: number;
}

interface InspectableLearner extends Learner {
  lastGradNorms(): Promise<Record<string, number>>;
}

const { runtime, group, ...settings } = JSON.parse(process.argv[2]) as MemberSettings;

/** The step under way. */
let step: ServedCall;
/**
 * Whether the step goes on is asked of the answer, not of the signal: to all members it is the same, whatever else has
 * reached one of them by the time it goes on.
 */
const barrier = async (): Promise<void> => {
  const { progress, signal } = step;
  const goOn = await progress({ kind: 'waiting' } satisfies MemberProgress);
  if (!goOn) signal.throwIfAborted();
};
function begin(call: ServedCall): StepOptions {
  step = call;
  return {
    onProgress: (progress) => void call.progress({ kind: 'passing', ...progress } satisfies MemberProgress),
    signal: call.signal,
  };
}

const own = { ...settings, ...(group ? { group: { ...group, barrier } } : {}) };
/** Only the runtime in use is loaded. */
const open: Readonly<Record<MemberSettings['runtime'], () => Promise<InspectableLearner>>> = {
  onnx: async () => new (await import('../onnx/learn/onnx-learner.js')).OnnxLearner(own),
  tfjs: async () => new (await import('../tfjs/tfjs-learner.js')).TfjsLearner(own),
};

let opened: Promise<InspectableLearner> | undefined;
/** Opened by the first call, which then hears of it when it cannot be. */
const learner = (): Promise<InspectableLearner> => (opened ??= open[runtime]());

serve({
  load: async (state: LearnerState) => (await learner()).load(state),
  update: async ({ miniBatch, loss, optimizer, tokenBudget }: Step & { readonly loss: LossSettings }, call) => {
    const options = begin(call);
    return (await learner()).update(miniBatch, loss, optimizer, tokenBudget, options);
  },
  supervise: async ({ miniBatch, optimizer, tokenBudget }: Step, call) => {
    const options = begin(call);
    return (await learner()).supervise(miniBatch, optimizer, tokenBudget, options);
  },
  save: async ({ weightsPath, optimizerPath }: { weightsPath: string; optimizerPath: string }) =>
    (await learner()).save(weightsPath, optimizerPath),
  lastGradNorms: async () => (await learner()).lastGradNorms(),
});
