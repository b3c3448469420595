/**
 * Continuous batching of one policy's rollouts over a fixed number of slots: rows that are done leave at the end of a
 * chunk and waiting ones enter. Requests of concurrent callers share the slots; who shares them changes no bit.
 */
import type { Rollout, RolloutRequest } from '../../../contracts/engine/engine.js';
import { type GenerateLimits, LIMITS } from '../../limits.js';
import type { SessionSettings } from '../runtime.js';
import type { ModelConfig } from '../../model/config.js';
import type { Weights } from '../../model/parameters.js';
import { type ChunkStart, decodeChunk, type DecodedChunk, isTruncated, type Past } from './decode.js';
import { findPrefixGroups } from './prefix-groups.js';
import { PrefixGroupBatch, prefixGroupMemory, type PrefixGroupMemory } from './prefix-group-batch.js';
import { firstRuns, type FirstRun } from './first-runs.js';
import { Prefill } from './prefill.js';
import { PrefixCache } from './prefix-cache.js';
import { Row } from './row.js';
import { type GeneratingSession, GeneratingSessions } from './sessions.js';
import { type Block, Slots } from './slots.js';

export interface GeneratorSettings extends SessionSettings {
  /** Most rows in one run. */
  readonly slots: number;
  /** Tokens per run, K: a multiple of 16. Part of a run's configuration, since it decides bits. */
  readonly chunk: number;
}

interface Job {
  readonly row: Row;
  readonly resolve: (rollout: Rollout) => void;
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
  readonly #prefill: Prefill;
  /** Prefixes of one run, of which nothing is kept. */
  readonly #scratch: Slots;
  /** By the number of siblings. */
  readonly #prefixGroups = new Map<number, PrefixGroupBatch<Job>>();
  /** Of the last prefix group that parted. */
  #spareMemory: PrefixGroupMemory | undefined;
  readonly #limits: GenerateLimits;

  private constructor(
    private readonly config: ModelConfig,
    private readonly sessions: GeneratingSessions,
    prefiller: GeneratingSession,
    private readonly settings: GeneratorSettings,
  ) {
    this.#limits = (settings.limits ?? LIMITS).generate;
    this.#slots = new Slots(config, settings.chunk, Math.max(2, settings.slots), this.#limits.slots);
    this.#scratch = new Slots(config, settings.chunk, Math.max(2, settings.slots), this.#limits.slots);
    this.#prefixes = new PrefixCache(settings.chunk, this.#limits.prefixCacheBytes);
    this.#prefill = new Prefill(prefiller, config, settings.chunk, this.#prefixes, this.#limits);
  }

  static async open(config: ModelConfig, weights: Weights, settings: GeneratorSettings): Promise<Generator> {
    const sessions = new GeneratingSessions(config, weights, settings);
    return new Generator(config, sessions, await sessions.for('prefill'), settings);
  }

  get idle(): boolean {
    return this.#inFlight().length === 0 && this.#waiting.length === 0 && this.#waitingBehind.length === 0;
  }

  /** Whether work is there that should not wait. */
  get urgent(): boolean {
    return this.#waiting.length > 0 || this.#inFlight().some(({ background }) => !background);
  }

  submit(request: RolloutRequest, background = false): Submitted {
    const row = new Row(request, this.settings.chunk);
    let resolve!: (rollout: Rollout) => void;
    const rollout = new Promise<Rollout>((resolver) => (resolve = resolver));
    const job: Job = { row, resolve, background, cancelled: false };
    if (row.done) settle(job);
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
    const { prefixGroups, others } = findPrefixGroups(await this.#admit(), this.#limits.prefixGroups);
    const runs = [...prefixGroups, { siblings: 1, jobs: others }].flatMap((prefixGroup) =>
      firstRuns(prefixGroup, this.settings.chunk),
    );
    // Rows that begin their chunk at its start run with those in flight, unless siblings share what is before it.
    const alone = runs.filter(({ siblings, first }) => siblings > 1 || first > 0);
    for (const { jobs } of runs.filter((run) => !alone.includes(run))) for (const job of jobs) this.#enter(job);
    if (this.#active.length > 0) await this.#decodeActive();
    for (const prefixGroup of [...this.#prefixGroups.values()]) await this.#decodePrefixGroup(prefixGroup);
    for (const run of alone) await this.#decodeFirst(run);
    this.#prefixes.trim();
  }

  async close(): Promise<void> {
    await this.sessions.close();
  }

  /** Rows that have a slot. */
  #inFlight(): Job[] {
    return [...this.#active, ...[...this.#prefixGroups.values()].flatMap(({ jobs }) => jobs)];
  }

  async #decode(rows: readonly Row[], past: Past, start?: ChunkStart): Promise<DecodedChunk> {
    const kind = { truncates: rows.some(isTruncated), own: past.own !== undefined };
    const result = await decodeChunk(
      await this.sessions.for(kind),
      this.config,
      this.settings.chunk,
      past,
      rows,
      start,
    );
    advance(rows, result);
    return result;
  }

  /** Takes waiting jobs into free slots and computes the whole blocks that are missing of their prefixes. */
  async #admit(): Promise<Job[]> {
    const entering: Job[] = [];
    const free = this.settings.slots - this.#inFlight().length;
    while (entering.length < free) {
      const job = this.#waiting.shift() ?? this.#waitingBehind.shift();
      if (!job) break;
      if (job.cancelled) settle(job);
      else entering.push(job);
    }
    await this.#prefill.run(entering.map(({ row }) => row.prefix()));
    return entering;
  }

  async #decodeActive(): Promise<void> {
    const rows = this.#active.map(({ row }) => row);
    const result = await this.#decode(rows, { shared: this.#slots, siblings: 1 });
    this.#slots.reserve(Math.max(0, ...rows.filter(({ done }) => !done).map(({ start }) => start)));
    // From the back, because the last row moves into the place of one that leaves.
    for (let r = rows.length - 1; r >= 0; r--) {
      const job = this.#active[r];
      if (job.row.done || job.cancelled) this.#leave(r);
      else this.#slots.write(r, job.row.blocks - 1, result.block, r);
    }
  }

  async #decodePrefixGroup(prefixGroup: PrefixGroupBatch<Job>): Promise<void> {
    for (const job of prefixGroup.keep(await this.#decode(prefixGroup.rows, prefixGroup.past))) settle(job);
    this.#part(prefixGroup);
  }

  async #decodeFirst(run: FirstRun<Job>): Promise<void> {
    const { jobs, siblings, first } = run;
    const rows = jobs.map(({ row }) => row);
    const prefixes = rows.filter((_, r) => r % siblings === 0).map((row) => this.#prefixes.known(row.prefix()));
    const start = { first, blocks: await this.#beginnings(rows, first) };
    const shared = this.#scratch;
    shared.clear();
    shared.reserve(Math.max(...rows.map(({ start }) => start)));
    for (const prefix of prefixes) write(shared, shared.add(), prefix);
    const result = await this.#decode(rows, { shared, siblings }, start);
    if (siblings > 1) this.#stayTogether(run, prefixes, result);
    else {
      jobs.forEach((job, r) => {
        if (job.row.done || job.cancelled) settle(job);
        else this.#slots.write(this.#enter(job, prefixes[r]), job.row.blocks - 1, result.block, r);
      });
    }
  }

  /** Siblings that have taken their first chunk go on with what they share. */
  #stayTogether({ jobs, siblings }: FirstRun<Job>, prefixes: readonly Block[][], result: DecodedChunk): void {
    const prefixGroup = this.#prefixGroups.get(siblings) ?? this.#newPrefixGroup(siblings);
    const first = prefixGroup.rows.length;
    prefixes.forEach((prefix, group) => prefixGroup.add(jobs.slice(group * siblings, (group + 1) * siblings), prefix));
    for (const job of prefixGroup.keep(result, first)) settle(job);
    this.#part(prefixGroup);
  }

  #newPrefixGroup(siblings: number): PrefixGroupBatch<Job> {
    const { slots, chunk } = this.settings;
    const memory = this.#spareMemory ?? prefixGroupMemory(this.config, chunk, slots, this.#limits.slots);
    this.#spareMemory = undefined;
    const prefixGroup = new PrefixGroupBatch<Job>(memory, chunk, siblings, this.#limits.prefixGroups);
    this.#prefixGroups.set(siblings, prefixGroup);
    return prefixGroup;
  }

  #part(prefixGroup: PrefixGroupBatch<Job>): void {
    for (const { job, blocks } of prefixGroup.part()) this.#enter(job, blocks);
    if (prefixGroup.jobs.length > 0) return;
    this.#prefixGroups.delete(prefixGroup.siblings);
    this.#spareMemory = prefixGroup.release();
  }

  /** The block of each row in which its first chunk begins at place `first`. */
  async #beginnings(rows: readonly Row[], first: number): Promise<ChunkStart['blocks']> {
    if (first === 0) return [];
    await this.#prefill.run(rows.map((row) => row.prefix(first)));
    return rows.map((row) => this.#prefixes.known(row.prefix(first)).at(-1)!);
  }

  /** Gives a job a slot with the blocks of its prefix that are known; returns the row. */
  #enter(job: Job, prefix: readonly Block[] = this.#prefixes.known(job.row.prefix())): number {
    this.#slots.reserve(Math.max(job.row.start, ...this.#active.map(({ row }) => row.start)));
    const r = this.#slots.add();
    this.#active.push(job);
    write(this.#slots, r, prefix);
    return r;
  }

  #leave(r: number): void {
    const job = this.#active[r];
    this.#slots.remove(r);
    const last = this.#active.pop()!;
    if (last !== job) this.#active[r] = last;
    settle(job);
  }
}

function settle({ row, resolve }: Job): void {
  resolve(row.rollout());
}

function write(slots: Slots, r: number, blocks: readonly Block[]): void {
  blocks.forEach((block, index) => slots.write(r, index, block));
}

/** Adds to each row what a run decided for it. */
function advance(rows: readonly Row[], result: DecodedChunk): void {
  rows.forEach((row, r) => {
    for (let t = row.place - result.first; t < result.steps && !row.done; t++) {
      const i = t * result.rows + r;
      row.push(Number(result.tokens[i]), Math.log(result.probabilities[i]));
    }
  });
}
