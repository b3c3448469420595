/** The model engines that golden topics `fci`, `generate` and `update` are checked against. */
import type { InferenceEngine, Learner } from '../../contracts/engine.js';

/** A learner that can tell the 2-norm of each parameter's gradient (Hugging Face names) after clipping in the last step. */
export interface InspectableLearner extends Learner {
  lastGradNorms?(): Promise<Readonly<Record<string, number>>>;
}

export interface GoldenEngines {
  readonly inference: InferenceEngine;
  readonly learner: InspectableLearner;
  close(): Promise<void>;
}

/** There is no model engine in this build to run the case on. */
export class EngineNotConnected extends Error {
  constructor() {
    super('engine not connected');
    this.name = 'EngineNotConnected';
  }
}

export function openGoldenEngines(): Promise<GoldenEngines> {
  return Promise.reject(new EngineNotConnected());
}
