/** One run of the decode graph: up to K more tokens for every row in flight. */
import { floats, int64s, type HostTensor, type Session } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';
import type { Row } from './row.js';
import type { Block, Slots } from './slots.js';

export interface DecodedChunk {
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

/**
 * @param slots the rows' prefixes, or those of groups of `siblings` rows each that follow one another
 */
export async function decodeChunk(
  session: Session,
  config: ModelConfig,
  chunk: number,
  slots: Slots,
  active: readonly Row[],
  siblings = 1,
): Promise<DecodedChunk> {
  // A matrix product with one row takes a kernel of its own (GEMV), whose sums have other bits: never run one alone.
  const rows = Math.max(2, active.length);
  const prefixes = siblings === 1 ? rows : active.length / siblings;
  const capacity = Math.max(session.takesEmptyInputs ? 0 : chunk, ...active.map(({ start }) => start));
  slots.reserve(capacity);

  const known = new BigInt64Array((chunk + 1) * rows).fill(-1n);
  const uniforms = new Float32Array(chunk * rows);
  const temperature = new Float32Array(rows).fill(1);
  const start = new BigInt64Array(rows);
  const budget = new BigInt64Array(rows);
  const stops = Math.max(1, ...active.map(({ request }) => request.stopIds.length));
  const stopIds = new BigInt64Array(rows * stops).fill(-1n);
  const mask = new Float32Array(rows * capacity).fill(-Infinity);
  let steps = 1;
  active.forEach((row, r) => {
    const places = row.length - row.start;
    for (let t = 0; t < places; t++) known[t * rows + r] = BigInt(row.tokens[row.start + t]);
    // Step t decides the token behind place t of the chunk.
    for (let t = places - 1; t < chunk; t++) uniforms[t * rows + r] = row.uniform(row.start + t + 1);
    temperature[r] = row.request.temperature;
    start[r] = BigInt(row.start);
    budget[r] = BigInt(row.budget);
    row.request.stopIds.forEach((id, i) => (stopIds[r * stops + i] = BigInt(id)));
    mask.fill(0, r * capacity, r * capacity + row.start);
    steps = Math.max(steps, Math.min(chunk, places - 1 + row.budget));
  });
  if (active.length < rows) known.fill(0n, 1, 2);

  const feeds: Record<string, HostTensor> = {
    steps: int64s(BigInt64Array.of(BigInt(steps)), []),
    known: int64s(known, [chunk + 1, rows]),
    uniforms: floats(uniforms, [chunk, rows]),
    temperature: floats(temperature, [rows, 1]),
    start: int64s(start, [rows, 1]),
    budget: int64s(budget, [rows]),
    stopIds: int64s(stopIds, [rows, stops]),
    prefixMask: floats(mask, [rows, 1, 1, capacity]),
    ...slots.feeds(prefixes),
  };
  const kvNames = Array.from({ length: config.layers }, (_, i) => [`newKeys${i}`, `newValues${i}`]).flat();
  const result = await session.run(feeds, ['tokens', 'probabilities', ...kvNames]);
  const kv = (prefix: string): Float32Array[] =>
    Array.from({ length: config.layers }, (_, i) => result[`${prefix}${i}`].data as Float32Array);
  return {
    steps: result['tokens'].dims[0],
    tokens: result['tokens'].data as BigInt64Array,
    probabilities: result['probabilities'].data as Float32Array,
    rows,
    block: { keys: kv('newKeys'), values: kv('newValues') },
  };
}
