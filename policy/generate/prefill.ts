/** Computes the blocks of prefixes that the cache does not hold yet, distinct ones together. */
import { floats, int64s, type HostTensor, type Session } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';
import type { PrefixCache } from './prefix-cache.js';
import { type Block, Slots } from './slots.js';

/** Rows of one prefill run; more would only add memory, a block of each is enough work for a matrix product. */
const ROWS = 16;

/** A prefix of which the first `count` blocks are wanted. */
export interface WantedPrefix {
  readonly tokens: Int32Array;
  readonly count: number;
}

interface Missing {
  readonly tokens: Int32Array;
  readonly before: readonly Block[];
}

export async function prefill(
  session: Session,
  config: ModelConfig,
  chunk: number,
  cache: PrefixCache,
  wanted: readonly WantedPrefix[],
): Promise<void> {
  for (;;) {
    const missing = new Map<string, Missing>();
    for (const { tokens, count } of wanted) {
      const before = cache.known(tokens, count);
      if (before.length === count) continue;
      const upTo = tokens.subarray(0, (before.length + 1) * chunk);
      missing.set(upTo.join(), { tokens: upTo, before });
    }
    if (missing.size === 0) return;
    const list = [...missing.values()];
    for (let i = 0; i < list.length; i += ROWS) {
      const rows = list.slice(i, i + ROWS);
      const blocks = await computeBlocks(session, config, chunk, rows);
      rows.forEach(({ tokens, before }, row) => cache.put(tokens, before.length, blocks[row]));
    }
  }
}

async function computeBlocks(
  session: Session,
  config: ModelConfig,
  chunk: number,
  missing: readonly Missing[],
): Promise<Block[]> {
  // A product of a single row takes another kernel with other bits; see decode.ts.
  const rows = Math.max(2, missing.length);
  const capacity = Math.max(...missing.map(({ before }) => before.length)) * chunk;
  const prefixes = new Slots(config, chunk, rows);
  prefixes.reserve(capacity);
  const tokens = new BigInt64Array(rows * chunk);
  const positions = new BigInt64Array(rows * chunk);
  const mask = new Float32Array(rows * capacity).fill(-Infinity);
  missing.forEach((row, r) => {
    prefixes.add();
    row.before.forEach((block, index) => prefixes.write(r, index, block));
    const start = row.before.length * chunk;
    mask.fill(0, r * capacity, r * capacity + start);
    for (let t = 0; t < chunk; t++) {
      tokens[r * chunk + t] = BigInt(row.tokens[start + t]);
      positions[r * chunk + t] = BigInt(start + t);
    }
  });
  const feeds: Record<string, HostTensor> = {
    tokens: int64s(tokens, [rows, chunk]),
    positions: int64s(positions, [rows, chunk]),
    prefixMask: floats(mask, [rows, 1, 1, capacity]),
    ...prefixes.feeds(rows),
  };
  const outputs = Array.from({ length: config.layers }, (_, i) => [`newKeys${i}`, `newValues${i}`]).flat();
  const result = await session.run(feeds, outputs);
  const width = config.kvHeads * chunk * config.headSize;
  const rowOf = (name: string, r: number): Float32Array =>
    (result[name].data as Float32Array).slice(r * width, (r + 1) * width);
  const layers = Array.from({ length: config.layers }, (_, i) => i);
  return missing.map((_, r) => ({
    keys: layers.map((i) => rowOf(`newKeys${i}`, r)),
    values: layers.map((i) => rowOf(`newValues${i}`, r)),
  }));
}
