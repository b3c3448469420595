/** What happens before each micro-batch of a step. */
import type { StepOptions } from '../../contracts/engine/engine.js';

/** @throws the signal's reason when the step is cancelled */
export type Between = (done: number, total: number) => Promise<void>;

export function betweenMicroBatches({ onProgress, signal }: StepOptions = {}): Between {
  return async (done, total) => {
    onProgress?.({ done, total });
    await new Promise((resolve) => setImmediate(resolve)); // lets messages in: a cancellation may be one
    signal?.throwIfAborted();
  };
}
