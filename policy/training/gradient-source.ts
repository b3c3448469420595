/** What gives the learner its gradients: one graph for all of a small model, or one per piece of a large one. */
import { floats, type HostTensor } from '../onnx/host-tensor.js';
import type { Weights } from '../model/parameters.js';
import type { Between } from './between.js';
import type { MicroBatch } from './micro-batches.js';
import type { MiniBatch } from './mini-batch.js';
import type { PassResult, TokenColumns } from './pass-result.js';
import type { TrainingGoal } from '../onnx/learn/training-graph.js';

/**
 * One pass over a mini-batch, in micro-batches; leaves the gradient of its goal behind. Members of a group share the
 * micro-batches: without a gradient each knows the log-probs of its own only, and they meet in the pass that has one, where
 * each column of what is passed is the sum of theirs.
 */
export type Pass = (
  batch: MiniBatch,
  columns: TokenColumns,
  goal: TrainingGoal,
  temperature: number,
  tokenBudget: number,
) => Promise<PassResult>;

export interface GradientSource {
  /** Gradient of the last `run`; overwritten by the next. */
  readonly gradient: Weights;
  run(weights: Weights, between: Between, ...pass: Parameters<Pass>): Promise<PassResult>;
  close(): Promise<void>;
}

/** A micro-batch's part of the columns. */
export function columnFeeds({ trained }: MicroBatch, columns: TokenColumns): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [
      name,
      floats(
        Float32Array.from(trained, (place) => (place < 0 ? 0 : values[place])),
        [trained.length],
      ),
    ]),
  );
}

/** table[ids[t]] += rows[t] for each t, in order. */
export function addRows(table: Float32Array, ids: HostTensor, rows: HostTensor): void {
  const width = rows.dims.at(-1)!;
  const values = rows.data as Float32Array;
  const places = ids.data as BigInt64Array;
  for (let t = 0; t < places.length; t++) {
    const row = Number(places[t]) * width;
    for (let i = 0; i < width; i++) table[row + i] += values[t * width + i];
  }
}
