/** Computes the blocks of prefixes that the cache does not hold yet, distinct ones together. */
import { floats, int64s, type HostTensor } from '../runtime.js';
import { LIMITS, type GenerateLimits } from '../../limits.js';
import type { ModelConfig } from '../../model/config.js';
import { maskOf } from './decode.js';
import type { PrefixCache } from './prefix-cache.js';
import { choiceFeeds, nothingToSample } from './run-choices.js';
import type { GeneratingSession } from './sessions.js';
import { type Block, Slots } from './slots.js';

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

export class Prefill {
  /** Of the run under way: the blocks before the missing ones, row by row. */
  readonly #slots: Slots;
  #held: (readonly Block[])[] = [];
  /** Memory for a run's outputs. */
  readonly #outputs = new Map<string, Float32Array>();

  constructor(
    private readonly prefiller: GeneratingSession,
    private readonly config: ModelConfig,
    private readonly chunk: number,
    private readonly cache: PrefixCache,
    private readonly limits: GenerateLimits = LIMITS.generate,
  ) {
    this.#slots = new Slots(config, chunk, limits.prefillRows, limits.slots);
  }

  /** @param wanted prefixes whose keys and values are to be in the cache; the last block of one may be a part */
  async run(wanted: readonly Int32Array[]): Promise<void> {
    const prefixes = distinct(wanted).map((tokens) => ({ tokens, before: this.cache.known(tokens) }));
    for (;;) {
      const missing = nextBlocks(prefixes, this.chunk);
      if (missing.length === 0) break;
      const most = this.limits.prefillRows;
      for (let i = 0; i < missing.length; i += most) {
        const rows = missing.slice(i, i + most);
        const blocks = await this.#compute(rows);
        rows.forEach(({ tokens, before, of }, row) => {
          this.cache.put(tokens, before.length, blocks[row]);
          for (const prefix of of) prefix.before.push(blocks[row]);
        });
      }
    }
    this.#letGo();
  }

  async #compute(missing: readonly Missing[]): Promise<Block[]> {
    const { config, chunk } = this;
    const { session, kind } = this.prefiller;
    // A product of a single row takes another kernel with other bits; see decode.ts.
    const rows = Math.max(2, missing.length);
    const known = missing.map(({ before }) => before.length);
    const capacity = Math.max(session.takesEmptyInputs ? 0 : 1, ...known) * chunk;
    this.#hold(missing, capacity);
    const tokens = new BigInt64Array(rows * chunk);
    const positions = new BigInt64Array(rows * chunk);
    missing.forEach((row, r) => {
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
      ...this.#slots.feeds(rows),
      ...(kind === 'any' && {
        ...nothingToSample(config, chunk, rows),
        ...choiceFeeds(config, rows, { prefills: true, hasOwn: false, truncates: false }),
      }),
    };
    const layers = Array.from({ length: config.layers }, (_, i) => i);
    const names = layers.flatMap((i) => [`newKeys${i}`, `newValues${i}`]);
    const result = await session.run(feeds, names, this.#into(names, rows));
    const width = config.kvHeads * chunk * config.headSize;
    return missing.map((_, r) => {
      const parts = names.map((name) => (result[name].data as Float32Array).subarray(r * width, (r + 1) * width));
      const copies = copiesOf(parts);
      return { keys: layers.map((i) => copies[2 * i]), values: layers.map((i) => copies[2 * i + 1]) };
    });
  }

  /** Lays out what is before the missing blocks. Most of it is there already where a run goes on with the rows of the last. */
  #hold(missing: readonly Missing[], capacity: number): void {
    if (missing.length !== this.#held.length) {
      this.#letGo();
      this.#held = missing.map(() => []);
      for (let r = 0; r < missing.length; r++) this.#slots.add();
    }
    this.#slots.reserve(capacity);
    missing.forEach(({ before }, r) => {
      before.forEach((block, index) => {
        if (this.#held[r][index] !== block) this.#slots.write(r, index, block);
      });
    });
    this.#held = missing.map(({ before }) => [...before]);
  }

  #letGo(): void {
    this.#slots.clear();
    this.#held = [];
  }

  #into(names: readonly string[], rows: number): Record<string, HostTensor> {
    const { kvHeads, headSize } = this.config;
    const dims = [rows, kvHeads, this.chunk, headSize];
    const size = dims.reduce((a, b) => a * b, 1);
    return Object.fromEntries(
      names.map((name) => {
        const memory = this.#outputs.get(name) ?? new Float32Array((size / rows) * this.limits.prefillRows);
        this.#outputs.set(name, memory);
        return [name, floats(memory.subarray(0, size), dims)];
      }),
    );
  }
}

/** In one piece of memory. */
function copiesOf(parts: readonly Float32Array[]): Float32Array[] {
  const memory = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  return parts.map((part) => {
    memory.set(part, end);
    return memory.subarray(end, (end += part.length));
  });
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
