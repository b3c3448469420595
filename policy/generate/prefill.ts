/** Computes the blocks of prefixes that the cache does not hold yet, distinct ones together. */
import { int64s, type HostTensor, type Session } from '../onnx/runtime.js';
import type { ModelConfig } from '../transformer/config.js';
import { maskOf } from './decode.js';
import type { PrefixCache } from './prefix-cache.js';
import type { Block, Slots } from './slots.js';

/** Rows of one prefill run; more would only add memory, a block of each is enough work for a matrix product. */
const ROWS = 16;

/** A prefix and the blocks known of it so far. */
interface Open {
  readonly tokens: Int32Array;
  readonly before: Block[];
}

/** A block to be computed: the last of the tokens. */
interface Missing {
  readonly tokens: Int32Array;
  readonly before: readonly Block[];
  /** Prefixes that begin with these tokens. */
  readonly of: Open[];
}

/**
 * @param wanted prefixes whose keys and values are to be in the cache; the last block of one may be a part
 * @param scratch memory for the prefixes of one run
 */
export async function prefill(
  session: Session,
  config: ModelConfig,
  chunk: number,
  cache: PrefixCache,
  wanted: readonly Int32Array[],
  scratch: Slots,
): Promise<void> {
  const prefixes = distinct(wanted).map((tokens) => ({ tokens, before: cache.known(tokens) }));
  for (;;) {
    const missing = nextBlocks(prefixes, chunk);
    if (missing.length === 0) return;
    for (let i = 0; i < missing.length; i += ROWS) {
      const rows = missing.slice(i, i + ROWS);
      const blocks = await computeBlocks(session, config, chunk, rows, scratch);
      rows.forEach(({ tokens, before, of }, row) => {
        cache.put(tokens, before.length, blocks[row]);
        for (const prefix of of) prefix.before.push(blocks[row]);
      });
    }
  }
}

/** Siblings want the same prefix: once is enough. */
function distinct(wanted: readonly Int32Array[]): Int32Array[] {
  return [...new Map(wanted.map((tokens) => [tokens.join(), tokens])).values()];
}

/** The first block that each prefix lacks; one that several lack is computed once. */
function nextBlocks(prefixes: readonly Open[], chunk: number): Missing[] {
  const missing = new Map<string, Missing>();
  for (const prefix of prefixes) {
    const { tokens, before } = prefix;
    if (before.length * chunk >= tokens.length) continue;
    const upTo = tokens.subarray(0, (before.length + 1) * chunk);
    const key = upTo.join();
    const known = missing.get(key);
    if (known) known.of.push(prefix);
    else missing.set(key, { tokens: upTo, before, of: [prefix] });
  }
  return [...missing.values()];
}

async function computeBlocks(
  session: Session,
  config: ModelConfig,
  chunk: number,
  missing: readonly Missing[],
  prefixes: Slots,
): Promise<Block[]> {
  // A product of a single row takes another kernel with other bits; see decode.ts.
  const rows = Math.max(2, missing.length);
  const known = missing.map(({ before }) => before.length);
  const capacity = Math.max(session.takesEmptyInputs ? 0 : 1, ...known) * chunk;
  prefixes.clear();
  prefixes.reserve(capacity);
  const tokens = new BigInt64Array(rows * chunk);
  const positions = new BigInt64Array(rows * chunk);
  missing.forEach((row, r) => {
    prefixes.add();
    row.before.forEach((block, index) => prefixes.write(r, index, block));
    const start = row.before.length * chunk;
    for (let t = 0; t < chunk; t++) {
      tokens[r * chunk + t] = BigInt(row.tokens[start + t] ?? 0);
      positions[r * chunk + t] = BigInt(start + t);
    }
  });
  const feeds: Record<string, HostTensor> = {
    tokens: int64s(tokens, [rows, chunk]),
    positions: int64s(positions, [rows, chunk]),
    prefixMask: maskOf(
      known.map((blocks) => blocks * chunk),
      rows,
      capacity,
    ),
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
