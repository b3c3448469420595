/** The rows of a mini-batch one behind another: one entry per token. */
import type { TrainingSequence } from '../../algorithm/training-rows.js';
import type { ModelConfig } from '../model/config.js';

/** What cross-entropy needs of a row. */
export type TrainingRow = Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'>;

export interface MiniBatch {
  readonly rows: readonly TrainingRow[];
  /** First token of each row, and the number of tokens at the end. */
  readonly starts: readonly number[];
  readonly weights: Float32Array;
  /** Sum of weights. */
  readonly total: number;
  /** weight / (total + 1e-8): the factor of a token in every mean. */
  readonly shares: Float32Array;
}

const MEAN_EPSILON = 1e-8;

/** @throws RangeError when there is nothing to learn from */
export function miniBatchOf(rows: readonly TrainingRow[]): MiniBatch {
  const weights = column(rows, (row) => row.weights);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0) throw new RangeError('no token of the mini-batch has a weight: there is nothing to learn from');
  const starts = rows.reduce((ends, row) => [...ends, ends.at(-1)! + row.tokens.length], [0]);
  return { rows, starts, weights, total, shares: weights.map((weight) => weight / (total + MEAN_EPSILON)) };
}

/** One column of all rows, joined. */
export function column<Row extends TrainingRow>(rows: readonly Row[], of: (row: Row) => Float32Array): Float32Array {
  const joined = new Float32Array(rows.reduce((sum, row) => sum + row.tokens.length, 0));
  let start = 0;
  for (const row of rows) {
    const values = of(row);
    if (values.length !== row.tokens.length) {
      throw new RangeError(`a row of ${row.tokens.length} tokens has a column of ${values.length}`);
    }
    joined.set(values, start);
    start += values.length;
  }
  return joined;
}

/** @throws RangeError for a row that cannot be trained on */
export function requireUsable(
  { vocabSize, maxPositions }: ModelConfig,
  { tokens, predecessors, weights }: TrainingRow,
  i: number,
): void {
  const refuse = (problem: string): never => {
    throw new RangeError(`training row ${i}: ${problem}`);
  };
  if (tokens.length === 0) refuse('has no tokens');
  if (predecessors.length !== tokens.length || weights.length !== tokens.length) refuse('its columns differ in length');
  const depths = new Int32Array(tokens.length);
  for (let t = 0; t < tokens.length; t++) {
    const before = predecessors[t];
    if (!(tokens[t] >= 0 && tokens[t] < vocabSize))
      refuse(`token ${tokens[t]} is outside the vocabulary of ${vocabSize}`);
    if (!(before >= -1 && before < t)) refuse(`the predecessor of token ${t} is ${before}; it must stand before it`);
    if (!(weights[t] >= 0)) refuse(`the weight of token ${t} is ${weights[t]}`);
    if (before < 0 && weights[t] > 0) refuse(`token ${t} has no predecessor to be predicted from`);
    depths[t] = before < 0 ? 0 : depths[before] + 1;
    if (depths[t] >= maxPositions) refuse(`its path is longer than the model's ${maxPositions} positions`);
  }
}
