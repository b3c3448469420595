/** A mini-batch cut into micro-batches, and their rows as tensors of the training graph. */
import { type HostTensor, int32s, int64s } from '../onnx/runtime.js';
import type { MiniBatch } from './mini-batch.js';

/** Rows are padded to a multiple of it. */
const LENGTH_STEP = 16;
/**
 * Micro-batches have at least this many tokens and trained tokens, if need be empty ones. onnxruntime divides a product
 * among threads along the longer side of its result; where a thread gets 64 columns or fewer, it cuts the sum over the
 * inner dimension elsewhere. With that many rows it divides rows, and the bits are the same for up to 8 threads.
 */
const MIN_ROWS_OF_PRODUCT = 512;
/** Numbers of query blocks, each a graph of its own, and about the number of queries in a block. */
const BLOCK_COUNTS = [1, 2, 4, 8];
const BLOCK_LENGTH = 64;

export interface MicroBatch {
  /** Number of query blocks: decides which graph runs it. */
  readonly blocks: number;
  /** Padded length T of the rows. */
  readonly length: number;
  readonly feeds: Readonly<Record<string, HostTensor>> & { readonly tokens: HostTensor };
  /** Trained tokens by their place in the mini-batch, in the order of the graph's log-probs; -1: empty. */
  readonly trained: readonly number[];
}

/** Rows by length, longest first (ties: by index), as many to a micro-batch as keep it within `tokenBudget` when padded. */
export function cutIntoMicroBatches({ rows }: MiniBatch, tokenBudget: number): number[][] {
  const length = (row: number): number => paddedLength(rows[row].tokens.length);
  const order = rows.map((_, row) => row).sort((a, b) => length(b) - length(a) || a - b);
  const batches: number[][] = [];
  for (const row of order) {
    const batch = batches.at(-1);
    if (batch && (batch.length + 1) * length(batch[0]) <= tokenBudget) batch.push(row);
    else batches.push([row]);
  }
  return batches;
}

function paddedLength(tokens: number): number {
  return Math.ceil(tokens / LENGTH_STEP) * LENGTH_STEP;
}

/** @param members rows of the micro-batch */
export function microBatch({ rows, starts }: MiniBatch, members: readonly number[]): MicroBatch {
  const length = paddedLength(Math.max(...members.map((row) => rows[row].tokens.length)));
  const slots = Math.max(members.length, Math.ceil(MIN_ROWS_OF_PRODUCT / length));
  const size = slots * length;
  const tokens = new BigInt64Array(size);
  const positions = new BigInt64Array(size);
  const enter = new Int32Array(size);
  const exit = new Int32Array(size);
  const first = { trained: [] as number[], predecessors: [] as number[], labels: [] as number[] };
  const later: typeof first = { trained: [], predecessors: [], labels: [] };
  const hasChild = new Uint8Array(size);
  for (let t = 0; t < size; t++) enter[t] = exit[t] = t % length; // padding: trees of one token

  members.forEach((row, slot) => {
    const { tokens: ids, predecessors, weights } = rows[row];
    const start = slot * length;
    numberDepthFirst(predecessors, enter.subarray(start), exit.subarray(start));
    for (let t = 0; t < ids.length; t++) {
      const before = start + predecessors[t];
      tokens[start + t] = BigInt(ids[t]);
      if (before >= start) positions[start + t] = positions[before] + 1n;
      if (weights[t] === 0) continue;
      const list = hasChild[before] ? later : first;
      hasChild[before] = 1;
      list.trained.push(starts[row] + t);
      list.predecessors.push(before);
      list.labels.push(ids[t]);
    }
  });

  const trained = first.trained.length + later.trained.length;
  const count = Math.max(trained, MIN_ROWS_OF_PRODUCT);
  const empty = new Array<number>(count - trained).fill(0);
  const successors = new BigInt64Array(size).fill(BigInt(count));
  first.predecessors.forEach((place, n) => (successors[place] = BigInt(n)));
  const blockLengths = cutIntoBlocks(length);
  const dims = [slots, length];
  const integers = (values: readonly number[], shape = [values.length]): HostTensor =>
    int64s(BigInt64Array.from(values, BigInt), shape);
  return {
    blocks: blockLengths.length,
    length,
    trained: [...first.trained, ...empty.map(() => -1), ...later.trained],
    feeds: {
      tokens: int64s(tokens, dims),
      positions: int64s(positions, dims),
      enter: int32s(enter, dims),
      exit: int32s(exit, dims),
      blockLengths: integers(blockLengths),
      predecessors: integers([...first.predecessors, ...empty, ...later.predecessors]),
      successors: int64s(successors, dims),
      laterSiblings: integers(later.predecessors),
      labels: integers([...first.labels, ...empty, ...later.labels], [count, 1]),
    },
  };
}

/** First and last number of each token's subtree. */
function numberDepthFirst(predecessors: Int32Array, enter: Int32Array, exit: Int32Array): void {
  const { length } = predecessors;
  const subtree = new Int32Array(length).fill(1);
  for (let t = predecessors.length - 1; t >= 0; t--) {
    const before = predecessors[t];
    if (before >= 0) subtree[before] += subtree[t];
  }
  /** Next free number below each token; the last entry is for the roots. */
  const next = new Int32Array(length + 1);
  for (let t = 0; t < length; t++) {
    const before = predecessors[t] >= 0 ? predecessors[t] : length;
    const number = next[before];
    next[before] = number + subtree[t];
    next[t] = number + 1;
    enter[t] = number;
    exit[t] = number + subtree[t] - 1;
  }
}

/** Blocks of nearly equal length, each a multiple of the padding. */
function cutIntoBlocks(length: number): number[] {
  const count = BLOCK_COUNTS.findLast((blocks) => blocks * BLOCK_LENGTH < 1.5 * length) ?? 1;
  const end = (block: number): number => Math.floor(((length / LENGTH_STEP) * block) / count) * LENGTH_STEP;
  return Array.from({ length: count }, (_, i) => end(i + 1) - end(i));
}
