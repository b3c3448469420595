/** One run of the decode graph: up to K more tokens for every row in flight. */
import { floats, int64s, type HostTensor } from '../runtime.js';
import type { ModelConfig } from '../../model/config.js';
import type { Row } from './row.js';
import { choiceFeeds } from './run-choices.js';
import type { GeneratingSession } from './sessions.js';
import { type Block, OWN, type Slots } from './slots.js';
import { candidatesOf } from './truncation.js';

/** What rows look back on. */
export interface Past {
  /** Prefixes of groups of `siblings` rows each that follow one another. */
  readonly shared: Slots;
  readonly siblings: number;
  /** What each row has behind what it shares, from some position on; left out: nothing. */
  readonly own?: { readonly slots: Slots; readonly from: readonly number[] };
}

export interface DecodedChunk {
  /** Place in the chunk of the first step. */
  readonly first: number;
  /** How many steps ran. */
  readonly steps: number;
  /** [steps, rows]: token sampled after step t, also where it was known already. */
  readonly tokens: BigInt64Array;
  /** [steps, rows], of the sampled token at the row's temperature. */
  readonly probabilities: Float32Array;
  readonly rows: number;
  /** Keys and values of the chunk for all rows. */
  readonly block: Block;
}

/** Where a run begins within the chunk. */
export interface ChunkStart {
  readonly first: number;
  /** Per row keys and values of the chunk, of which the first `first` places count. */
  readonly blocks: readonly Block[];
}

/** @param session of a graph for what the run is: with truncation if any of the rows has one, with own prefixes if the past has */
export async function decodeChunk(
  { session, kind }: GeneratingSession,
  config: ModelConfig,
  chunk: number,
  { shared, siblings, own }: Past,
  active: readonly Row[],
  { first, blocks }: ChunkStart = { first: 0, blocks: [] },
): Promise<DecodedChunk> {
  // A matrix product with one row takes a kernel of its own (GEMV), whose sums have other bits: never run one alone.
  const rows = Math.max(2, active.length);
  const prefixes = siblings === 1 ? rows : active.length / siblings;
  const least = session.takesEmptyInputs ? 0 : chunk;
  const sharedBy = active.map(({ start }, r) => own?.from[r] ?? start);
  const sharedCapacity = Math.max(least, ...sharedBy);
  const ownBy = active.map(({ start }, r) => start - sharedBy[r]);
  const ownCapacity = Math.max(least, ...ownBy);
  shared.reserve(sharedCapacity);
  own?.slots.reserve(ownCapacity);

  const tokens = new BigInt64Array(rows);
  const positions = new BigInt64Array(rows);
  const known = new BigInt64Array((chunk + 1) * rows).fill(-1n);
  const uniforms = new Float32Array(chunk * rows);
  const temperature = new Float32Array(rows).fill(1);
  const budget = new BigInt64Array(rows);
  const stops = Math.max(1, ...active.map(({ request }) => request.stopIds.length));
  const stopIds = new BigInt64Array(rows * stops).fill(-1n);
  let steps = 1;
  active.forEach((row, r) => {
    for (let t = 0; t <= row.place; t++) known[t * rows + r] = BigInt(row.tokens[row.start + t]);
    // Step t decides the token behind place t of the chunk.
    for (let t = row.place; t < chunk; t++) uniforms[t * rows + r] = row.uniform(row.start + t + 1);
    temperature[r] = row.temperature;
    tokens[r] = known[first * rows + r];
    positions[r] = BigInt(row.start + first);
    budget[r] = BigInt(row.budget);
    row.request.stopIds.forEach((id, i) => (stopIds[r * stops + i] = BigInt(id)));
    steps = Math.max(steps, Math.min(chunk, row.place + row.budget) - first);
  });

  const truncates = active.some(isTruncated);
  const feeds: Record<string, HostTensor> = {
    steps: int64s(BigInt64Array.of(BigInt(steps)), []),
    first: int64s(BigInt64Array.of(BigInt(first)), []),
    tokens: int64s(tokens, [rows, 1]),
    positions: int64s(positions, [rows, 1]),
    known: int64s(known, [chunk + 1, rows]),
    uniforms: floats(uniforms, [chunk, rows]),
    temperature: floats(temperature, [rows, 1]),
    budget: int64s(budget, [rows]),
    stopIds: int64s(stopIds, [rows, stops]),
    prefixMask: maskOf(sharedBy, rows, sharedCapacity),
    ...shared.feeds(prefixes),
    ...beginnings(config, chunk, rows, first, blocks),
    ...(own && { ownMask: maskOf(ownBy, rows, ownCapacity), ...own.slots.feeds(rows, OWN) }),
    ...(truncates && truncationFeeds(active, rows, config.vocabSize)),
    ...(kind === 'any' && choiceFeeds(config, rows, { prefills: false, hasOwn: own !== undefined, truncates })),
  };
  const kvNames = Array.from({ length: config.layers }, (_, i) => [`newKeys${i}`, `newValues${i}`]).flat();
  const result = await session.run(feeds, ['drawn', 'probabilities', ...kvNames]);
  const kv = (prefix: string): Float32Array[] =>
    Array.from({ length: config.layers }, (_, i) => result[`${prefix}${i}`].data as Float32Array);
  return {
    first,
    steps: result['drawn'].dims[0],
    tokens: result['drawn'].data as BigInt64Array,
    probabilities: result['probabilities'].data as Float32Array,
    rows,
    block: { keys: kv('newKeys'), values: kv('newValues') },
  };
}

/** [rows, 1, 1, capacity]: 0 for as many positions as a row has, then -Infinity. */
export function maskOf(lengths: readonly number[], rows: number, capacity: number): HostTensor {
  const mask = new Float32Array(rows * capacity).fill(-Infinity);
  lengths.forEach((length, r) => mask.fill(0, r * capacity, r * capacity + length));
  return floats(mask, [rows, 1, 1, capacity]);
}

/** `chunkKeys<i>` and `chunkValues<i>` [rows, kvHeads, first, headSize] of the places before the run. */
function beginnings(
  { layers, kvHeads, headSize }: ModelConfig,
  chunk: number,
  rows: number,
  first: number,
  blocks: readonly Block[],
): Record<string, HostTensor> {
  const width = first * headSize;
  const feed = (of: (block: Block) => Float32Array): HostTensor => {
    const data = new Float32Array(rows * kvHeads * width);
    blocks.forEach((block, r) => {
      for (let head = 0; head < kvHeads; head++) {
        const from = head * chunk * headSize;
        data.set(of(block).subarray(from, from + width), (r * kvHeads + head) * width);
      }
    });
    return floats(data, [rows, kvHeads, first, headSize]);
  };
  return Object.fromEntries(
    Array.from({ length: layers }, (_, i) => [
      [`chunkKeys${i}`, feed(({ keys }) => keys[i])] as const,
      [`chunkValues${i}`, feed(({ values }) => values[i])] as const,
    ]).flat(),
  );
}

export const isTruncated = ({ topK, topP }: Pick<Row, 'topK' | 'topP'>): boolean => topK > 0 || topP < 1;

function truncationFeeds(active: readonly Row[], rows: number, vocabSize: number): Record<string, HostTensor> {
  const topK = new BigInt64Array(rows);
  const topP = new Float32Array(rows).fill(1);
  active.forEach((row, r) => {
    topK[r] = BigInt(Math.min(row.topK, vocabSize));
    topP[r] = row.topP;
  });
  return {
    topK: int64s(topK, [rows, 1]),
    topP: floats(topP, [rows, 1]),
    candidates: int64s(BigInt64Array.of(BigInt(candidatesOf(active, vocabSize))), [1]),
  };
}
