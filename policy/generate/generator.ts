/**
 * Continuous batching of one policy's rollouts over a fixed number of slots: rows that are done leave at the end of a
 * chunk and waiting ones enter. Requests of concurrent callers share the slots; who shares them changes no bit.
 */
import type { Rollout, RolloutRequest } from '../../contracts/engine.js';
import { Session, type SessionSettings } from '../onnx/runtime.js';
import type { ModelConfig } from '../qwen2/config.js';
import type { Weights } from '../qwen2/parameters.js';
import { decodeChunk, type DecodedChunk } from './decode.js';
import { decodeGraph } from './decode-graph.js';
import { type Family, findFamilies } from './families.js';
import { prefill } from './prefill.js';
import { prefillGraph } from './prefill-graph.js';
import { PrefixCache } from './prefix-cache.js';
import { Row } from './row.js';
import { Slots } from './slots.js';

export interface GeneratorSettings extends SessionSettings {
  /** Most rows in one run. */
  readonly slots: number;
  /** Tokens per run, K: a multiple of 16. Part of a run's configuration, since it decides bits. */
  readonly chunk: number;
}

/** Memory for shared prefixes beyond the slots themselves. */
const PREFIX_CACHE_BYTES = 256 * 2 ** 20;

interface Job {
  readonly row: Row;
  readonly settle: (rollout: Rollout) => void;
  readonly background: boolean;
  cancelled: boolean;
}

/** Handle of a submitted rollout. */
export interface Submitted {
  /** Resolves when the rollout ends; a cancelled one resolves with what it has, unfinished. */
  readonly rollout: Promise<Rollout>;
  /** New tokens so far. */
  readonly tokens: () => number;
  /** What it has behind its first `from` new tokens. */
  readonly since: (from: number) => Rollout;
  /** No token follows. */
  readonly ended: () => boolean;
  /** Stops it at the next chunk. */
  readonly cancel: () => void;
}

export class Generator {
  readonly #waiting: Job[] = [];
  /** Wait until nobody else does. */
  readonly #waitingBehind: Job[] = [];
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
    return this.#active.length === 0 && this.#waiting.length === 0 && this.#waitingBehind.length === 0;
  }

  /** Whether work is there that should not wait. */
  get urgent(): boolean {
    return this.#waiting.length > 0 || this.#active.some(({ background }) => !background);
  }

  submit(request: RolloutRequest, background = false): Submitted {
    const row = new Row(request, this.settings.chunk);
    let settle!: (rollout: Rollout) => void;
    const rollout = new Promise<Rollout>((resolve) => (settle = resolve));
    const job: Job = { row, settle, background, cancelled: false };
    if (row.done) settle(row.rollout());
    else (background ? this.#waitingBehind : this.#waiting).push(job);
    return {
      rollout,
      tokens: () => row.newTokens,
      since: (from) => row.rollout(from),
      ended: () => row.done,
      cancel: () => (job.cancelled = true),
    };
  }

  /** Admits waiting rows and generates one chunk for all rows. */
  async step(): Promise<void> {
    const { families, others } = findFamilies(await this.#admit());
    for (const job of others) this.#enter(job);
    if (this.#active.length > 0) await this.#decodeActive();
    // Siblings take their first chunk by themselves; after it each has a past of its own.
    for (const family of families) await this.#decodeFamily(family);
    this.#prefixes.trim();
  }

  async close(): Promise<void> {
    await this.decodeSession.close();
    await this.prefillSession.close();
  }

  /** Takes waiting jobs into free slots and computes what is missing of their prefixes. */
  async #admit(): Promise<Job[]> {
    const entering: Job[] = [];
    while (this.#active.length + entering.length < this.settings.slots) {
      const job = this.#waiting.shift() ?? this.#waitingBehind.shift();
      if (!job) break;
      if (job.cancelled) job.settle(job.row.rollout());
      else entering.push(job);
    }
    const wanted = entering.map(({ row }) => ({ tokens: row.tokens, count: row.blocks }));
    await prefill(this.prefillSession, this.config, this.settings.chunk, this.#prefixes, wanted);
    return entering;
  }

  async #decodeActive(): Promise<void> {
    const rows = this.#active.map(({ row }) => row);
    const result = await decodeChunk(this.decodeSession, this.config, this.settings.chunk, this.#slots, rows);
    advance(rows, result);
    this.#slots.reserve(Math.max(0, ...rows.filter(({ done }) => !done).map(({ start }) => start)));
    // From the back, because the last row moves into the place of one that leaves.
    for (let r = rows.length - 1; r >= 0; r--) {
      const job = this.#active[r];
      if (job.row.done || job.cancelled) this.#leave(r);
      else this.#slots.write(r, job.row.blocks - 1, result.block, r);
    }
  }

  async #decodeFamily({ jobs, siblings }: Family<Job>): Promise<void> {
    const { chunk } = this.settings;
    const rows = jobs.map(({ row }) => row);
    const prefixes = new Slots(this.config, chunk, jobs.length / siblings);
    prefixes.reserve(Math.max(...rows.map(({ start }) => start)));
    for (let r = 0; r < rows.length; r += siblings) this.#writePrefix(prefixes, prefixes.add(), rows[r]);
    const result = await decodeChunk(this.decodeSession, this.config, chunk, prefixes, rows, siblings);
    advance(rows, result);
    jobs.forEach((job, r) => {
      if (job.row.done || job.cancelled) job.settle(job.row.rollout());
      else this.#slots.write(this.#enter(job), job.row.blocks - 1, result.block, r);
    });
  }

  /** Gives a job a slot with what is known of its prefix; returns the row. */
  #enter(job: Job): number {
    this.#slots.reserve(Math.max(job.row.start, ...this.#active.map(({ row }) => row.start)));
    const r = this.#slots.add();
    this.#active.push(job);
    this.#writePrefix(this.#slots, r, job.row);
    return r;
  }

  #writePrefix(slots: Slots, r: number, { tokens, blocks }: Row): void {
    this.#prefixes.known(tokens, blocks).forEach((block, index) => slots.write(r, index, block));
  }

  #leave(r: number): void {
    const job = this.#active[r];
    this.#slots.remove(r);
    const last = this.#active.pop()!;
    if (last !== job) this.#active[r] = last;
    job.settle(job.row.rollout());
  }
}

/** Adds to each row what a run decided for it. */
function advance(rows: readonly Row[], result: DecodedChunk): void {
  rows.forEach((row, r) => {
    const { start } = row;
    for (let t = row.length - start - 1; t < result.steps && !row.done; t++) {
      const i = t * result.rows + r;
      row.push(Number(result.tokens[i]), Math.log(result.probabilities[i]));
    }
  });
}
