/** The model engines that golden topics `fci`, `generate` and `update` are checked against. */
import type { InferenceEngine, Learner } from '../../contracts/engine/engine.js';
import type { LearnerSettings } from '../../policy/processes/child-learner.js';
import { openInferenceEngine, openLearner } from '../../policy/processes/open.js';

/** A learner that can tell the 2-norm of each parameter's gradient (Hugging Face names) after clipping in the last step. */
export interface InspectableLearner extends Learner {
  lastGradNorms?(): Promise<Readonly<Record<string, number>>>;
}

export interface GoldenEngines {
  readonly inference: InferenceEngine;
  readonly learner: InspectableLearner;
  close(): Promise<void>;
}

export type LearnerRuntime = LearnerSettings['runtime'];

export function openGoldenEngines(runtime: LearnerRuntime): Promise<GoldenEngines> {
  const inference = openInferenceEngine();
  const learner = openLearner({ runtime });
  const close = async (): Promise<void> => {
    await inference.close();
    await learner.close();
  };
  return Promise.resolve({ inference, learner, close });
}
