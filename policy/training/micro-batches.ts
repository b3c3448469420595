/** A mini-batch cut into micro-batches, and their trees one behind another as tensors of the training graph. */
import { bigInt64Array, type HostTensor, int64s } from '../onnx/host-tensor.js';
import type { ModelConfig } from '../model/config.js';
import { type AttentionFeeds, attentionFeeds } from './attention-feeds.js';
import { attentionTiles } from './attention-tiles.js';
import { PARTIAL_SUMS } from './partial-sums.js';
import type { MiniBatch, TrainingRow } from './mini-batch.js';

/**
 * Micro-batches have at least this many tokens and trained tokens, if need be empty ones. onnxruntime divides a product
 * among threads along the longer side of its result; where a thread gets 64 columns or fewer, it cuts the sum over the
 * inner dimension elsewhere. With that many rows it divides rows, and the bits are the same for up to 8 threads.
 */
const MIN_ROWS_OF_PRODUCT = 512;

export interface MicroBatch extends AttentionFeeds {
  readonly feeds: Readonly<Record<string, HostTensor>> & { readonly tokens: HostTensor };
  /** Trained tokens by their place in the mini-batch, in the order of the graph's log-probs; -1: empty. */
  readonly trained: readonly number[];
}

/** Micro-batches much beyond this many tokens only make activations fall out of the cache. */
export const PREFERRED_TOKENS = 2048;
/** Much below this many, a graph's operators are too short for what it costs to begin each. */
const WORTHWHILE_TOKENS = 640;

/**
 * Longest rows first (ties: by index), each into the micro-batch with the fewest tokens, never beyond `tokenBudget` unless
 * by itself. There are as many as partial sums can share evenly (`partial-sums.ts`).
 */
export function cutIntoMicroBatches({ rows, starts }: MiniBatch, tokenBudget: number): number[][] {
  const length = (row: number): number => rows[row].tokens.length;
  const order = rows.map((_, row) => row).sort((a, b) => length(b) - length(a) || a - b);
  const count = Math.min(rows.length, microBatchCount(starts.at(-1)!, Math.min(tokenBudget, PREFERRED_TOKENS)));
  const batches = Array.from({ length: count }, () => ({ members: [] as number[], tokens: 0 }));
  for (const row of order) {
    const emptiest = batches.reduce((a, b) => (b.tokens < a.tokens ? b : a));
    if (emptiest.tokens > 0 && emptiest.tokens + length(row) > tokenBudget) {
      batches.push({ members: [row], tokens: length(row) });
    } else {
      emptiest.members.push(row);
      emptiest.tokens += length(row);
    }
  }
  return batches.map(({ members }) => members);
}

/** Tokens of a micro-batch, if all were equal. */
export function evenShare(rows: readonly TrainingRow[], tokenBudget: number): number {
  const tokens = rows.reduce((sum, row) => sum + row.tokens.length, 0);
  return tokens / microBatchCount(tokens, Math.min(tokenBudget, PREFERRED_TOKENS));
}

function microBatchCount(tokens: number, preferred: number): number {
  const least = Math.ceil(tokens / preferred);
  const unit = least > PARTIAL_SUMS / 2 ? PARTIAL_SUMS : PARTIAL_SUMS / 2;
  const even = Math.ceil(least / unit) * unit;
  return tokens / even >= Math.min(preferred, WORTHWHILE_TOKENS) ? even : least;
}

/** Of a micro-batch with these members, the empty ones included. */
export function tokensOf({ rows }: MiniBatch, members: readonly number[]): number {
  return Math.max(
    members.reduce((sum, row) => sum + rows[row].tokens.length, 0),
    MIN_ROWS_OF_PRODUCT,
  );
}

/** @param members rows of the micro-batch */
export function microBatch(config: ModelConfig, { rows, starts }: MiniBatch, members: readonly number[]): MicroBatch {
  const { tokens, predecessors } = joined(members.map((row) => rows[row]));
  const first = { trained: [] as number[], predecessors: [] as number[], labels: [] as number[] };
  const later: typeof first = { trained: [], predecessors: [], labels: [] };
  const hasChild = new Uint8Array(tokens.length);
  let start = 0;
  for (const row of members) {
    rows[row].weights.forEach((weight, t) => {
      if (weight === 0) return;
      const before = predecessors[start + t];
      const list = hasChild[before] ? later : first;
      hasChild[before] = 1;
      list.trained.push(starts[row] + t);
      list.predecessors.push(before);
      list.labels.push(tokens[start + t]);
    });
    start += rows[row].tokens.length;
  }
  const trained = first.trained.length + later.trained.length;
  const count = Math.max(trained, MIN_ROWS_OF_PRODUCT);
  const empty = new Array<number>(count - trained).fill(0);
  const successors = new BigInt64Array(tokens.length).fill(BigInt(count));
  first.predecessors.forEach((place, n) => (successors[place] = BigInt(n)));
  const integers = (values: ArrayLike<number>, dims = [values.length]): HostTensor =>
    int64s(
      bigInt64Array(values.length, (i) => values[i]),
      dims,
    );

  const { feeds, ...rest } = attentionFeeds(config, attentionTiles(predecessors), predecessors);
  return {
    ...rest,
    trained: [...first.trained, ...empty.map(() => -1), ...later.trained],
    feeds: {
      ...feeds,
      tokens: integers(tokens),
      predecessors: integers([...first.predecessors, ...empty, ...later.predecessors]),
      successors: int64s(successors, [successors.length]),
      laterSiblings: integers(later.predecessors),
      labels: integers([...first.labels, ...empty, ...later.labels], [count, 1]),
    },
  };
}

/** Rows one behind another, and a row that is not trained on where they are too few. */
function joined(rows: readonly TrainingRow[]): { tokens: Int32Array; predecessors: Int32Array } {
  const total = rows.reduce((sum, row) => sum + row.tokens.length, 0);
  const size = Math.max(total, MIN_ROWS_OF_PRODUCT);
  const tokens = new Int32Array(size);
  const predecessors = new Int32Array(size);
  let start = 0;
  for (const row of rows) {
    tokens.set(row.tokens, start);
    row.predecessors.forEach((before, t) => (predecessors[start + t] = before < 0 ? -1 : start + before));
    start += row.tokens.length;
  }
  for (let t = total; t < size; t++) predecessors[t] = t === total ? -1 : t - 1;
  return { tokens, predecessors };
}
