/**
 * Continuous batching of one policy's rollouts over a fixed number of slots: rows that are done leave at the end of a
 * chunk and waiting ones enter. Requests of concurrent callers share the slots; who shares them changes no bit.
 */
import type { Rollout, RolloutRequest } from '../../contracts/engine.js';
import { Session } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';
import type { Weights } from '../qwen2/parameters.js';
import { decodeChunk } from './decode.js';
import { decodeGraph } from './decode-graph.js';
import { prefill } from './prefill.js';
import { prefillGraph } from './prefill-graph.js';
import { PrefixCache } from './prefix-cache.js';
import { Row } from './row.js';
import { Slots } from './slots.js';

export interface GeneratorSettings {
  /** Most rows in one run. */
  readonly slots: number;
  /** Tokens per run, K: a multiple of 16. Part of a run's configuration, since it decides bits. */
  readonly chunk: number;
  readonly threads: number;
}

/** Memory for shared prefixes beyond the slots themselves. */
const PREFIX_CACHE_BYTES = 256 * 2 ** 20;

interface Job {
  readonly row: Row;
  readonly settle: (rollout: Rollout) => void;
  cancelled: boolean;
}

/** Handle of a submitted rollout. */
export interface Submitted {
  /** Resolves when the rollout ends; a cancelled one resolves with what it has, unfinished. */
  readonly rollout: Promise<Rollout>;
  /** New tokens so far. */
  readonly tokens: () => number;
  /** Stops it at the next chunk. */
  readonly cancel: () => void;
}

export class Generator {
  readonly #waiting: Job[] = [];
  readonly #active: Job[] = [];
  readonly #slots: Slots;
  readonly #prefixes: PrefixCache;

  private constructor(
    private readonly config: ModelConfig,
    private readonly settings: GeneratorSettings,
    private readonly decodeSession: Session,
    private readonly prefillSession: Session,
  ) {
    this.#slots = new Slots(config, settings.chunk, Math.max(2, settings.slots));
    this.#prefixes = new PrefixCache(settings.chunk, PREFIX_CACHE_BYTES);
  }

  static async open(config: ModelConfig, weights: Weights, settings: GeneratorSettings): Promise<Generator> {
    const { chunk } = settings;
    const decode = await Session.open(decodeGraph(config, weights, chunk), settings);
    const prefill = await Session.open(prefillGraph(config, weights, chunk), settings);
    return new Generator(config, settings, decode, prefill);
  }

  get idle(): boolean {
    return this.#active.length === 0 && this.#waiting.length === 0;
  }

  submit(request: RolloutRequest): Submitted {
    const row = new Row(request, this.settings.chunk);
    let settle!: (rollout: Rollout) => void;
    const rollout = new Promise<Rollout>((resolve) => (settle = resolve));
    const job: Job = { row, settle, cancelled: false };
    if (row.done) settle(row.rollout());
    else this.#waiting.push(job);
    return { rollout, tokens: () => row.newTokens, cancel: () => (job.cancelled = true) };
  }

  /** Admits waiting rows and generates one chunk for all rows. */
  async step(): Promise<void> {
    await this.#admit();
    if (this.#active.length === 0) return;
    const { chunk } = this.settings;
    const rows = this.#active.map(({ row }) => row);
    const result = await decodeChunk(this.decodeSession, this.config, chunk, this.#slots, rows);
    // From the back, because the last row moves into the place of one that leaves.
    for (let r = rows.length - 1; r >= 0; r--) {
      const row = rows[r]!;
      const { start } = row;
      for (let t = row.length - start - 1; t < result.steps && !row.done; t++) {
        const i = t * result.rows + r;
        row.push(Number(result.tokens[i]), Math.log(result.probabilities[i]!));
      }
    }
    const longest = Math.max(0, ...rows.filter(({ done }) => !done).map(({ start }) => start));
    this.#slots.reserve(longest);
    for (let r = rows.length - 1; r >= 0; r--) {
      const job = this.#active[r]!;
      if (job.row.done || job.cancelled) this.#leave(r);
      else this.#slots.writeFrom(r, job.row.blocks - 1, result.block, r);
    }
  }

  async close(): Promise<void> {
    await this.decodeSession.close();
    await this.prefillSession.close();
  }

  #leave(r: number): void {
    const job = this.#active[r]!;
    this.#slots.remove(r);
    const last = this.#active.pop()!;
    if (last !== job) this.#active[r] = last;
    job.settle(job.row.rollout());
  }

  async #admit(): Promise<void> {
    const { chunk, slots } = this.settings;
    const entering: Job[] = [];
    while (this.#waiting.length > 0 && this.#active.length + entering.length < slots) {
      const job = this.#waiting.shift()!;
      if (job.cancelled) job.settle(job.row.rollout());
      else entering.push(job);
    }
    if (entering.length === 0) return;
    const wanted = entering.map(({ row }) => ({ tokens: row.tokens, count: row.blocks }));
    await prefill(this.prefillSession, this.config, chunk, this.#prefixes, wanted);
    const longest = Math.max(...[...this.#active, ...entering].map(({ row }) => row.start));
    this.#slots.reserve(longest);
    for (const job of entering) {
      const r = this.#slots.add();
      this.#active.push(job);
      const blocks = this.#prefixes.known(job.row.tokens, job.row.blocks);
      blocks.forEach((block, index) => this.#slots.write(r, index, block));
    }
    this.#prefixes.trim();
  }
}
