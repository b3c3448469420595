/**
 * Siblings in flight: groups of rows that go on reading one copy of the prefix they share, each with what it generated
 * behind it. They take a run of their own per chunk, so they stay together only while that is worth it.
 */
import { type PrefixGroupLimits, LIMITS, type SlotLimits } from '../../limits.js';
import type { ModelConfig } from '../../model/config.js';
import type { DecodedChunk, Past } from './decode.js';
import type { Row } from './row.js';
import { type Block, Slots } from './slots.js';

/** Least part of a group that is still generating: rows that are done are computed on until the group parts. */
const LEAST_ALIVE = 3 / 4;

interface Member<Job> {
  readonly row: Row;
  /** Position at which its own past begins. */
  readonly from: number;
  /** Undefined once it is done. */
  job: Job | undefined;
}

/** One that goes on by itself, with all blocks before its chunk. */
export interface Leaving<Job> {
  readonly job: Job;
  readonly blocks: readonly Block[];
}

/** Memory of a batch, for another one afterwards: fresh memory would cost more than what it is for. */
export interface PrefixGroupMemory {
  readonly shared: Slots;
  readonly own: Slots;
}

/** @param slots most rows that generate */
export function prefixGroupMemory(
  config: ModelConfig,
  chunk: number,
  slots: number,
  limits?: SlotLimits,
): PrefixGroupMemory {
  // With those that are done there may be more, and the last group may come on top.
  const rows = Math.ceil(slots / LEAST_ALIVE) + slots;
  return { shared: new Slots(config, chunk, rows, limits), own: new Slots(config, chunk, rows, limits) };
}

export class PrefixGroupBatch<Job extends { readonly row: Row; readonly cancelled: boolean }> {
  readonly #members: Member<Job>[] = [];

  constructor(
    private readonly memory: PrefixGroupMemory,
    private readonly chunk: number,
    readonly siblings: number,
    private readonly limits: PrefixGroupLimits = LIMITS.generate.prefixGroups,
  ) {}

  /** Lets everything go. @returns the memory, free for another batch */
  release(): PrefixGroupMemory {
    this.#members.length = 0;
    this.memory.shared.clear();
    this.memory.own.clear();
    return this.memory;
  }

  get rows(): Row[] {
    return this.#members.map(({ row }) => row);
  }

  get past(): Past {
    return {
      shared: this.memory.shared,
      siblings: this.siblings,
      own: { slots: this.memory.own, from: this.#members.map(({ from }) => from) },
    };
  }

  /** Those still generating. */
  get jobs(): Job[] {
    return this.#members.map(({ job }) => job).filter((job) => job !== undefined);
  }

  /** Adds a group whose rows have taken the chunk behind their prefix. @param prefix its blocks */
  add(jobs: readonly Job[], prefix: readonly Block[]): void {
    const from = prefix.length * this.chunk;
    this.memory.shared.reserve(Math.max(from, ...this.#members.map((member) => member.from)));
    const group = this.memory.shared.add();
    prefix.forEach((block, index) => this.memory.shared.write(group, index, block));
    for (const job of jobs) {
      this.memory.own.add();
      this.#members.push({ row: job.row, from, job });
    }
  }

  /** Keeps what a run computed for the last rows, from `first` on. @returns those that are done */
  keep({ block }: DecodedChunk, first = 0): Job[] {
    const ran = this.#members.slice(first);
    const goesOn = ({ job }: Member<Job>): boolean => job !== undefined && !job.row.done && !job.cancelled;
    this.memory.own.reserve(Math.max(0, ...this.#members.filter(goesOn).map(({ row, from }) => row.start - from)));
    const done: Job[] = [];
    ran.forEach((member, r) => {
      const { row, from, job } = member;
      if (goesOn(member)) this.memory.own.write(first + r, (row.start - from) / this.chunk - 1, block, r);
      else if (job) {
        member.job = undefined;
        done.push(job);
      }
    });
    return done;
  }

  /** Takes out the groups that are better off apart. */
  part(): Leaving<Job>[] {
    const saved = this.#members.reduce((sum, { job, from }) => sum + (job ? from : 0), 0);
    const leaving: Leaving<Job>[] = [];
    for (let group = this.#members.length / this.siblings - 1; group >= 0; group--) {
      if (saved < this.limits.positionsOfRun || !this.#staysTogether(group)) leaving.push(...this.#takeOut(group));
    }
    return leaving;
  }

  #staysTogether(group: number): boolean {
    const members = this.#group(group);
    const alive = members.filter(({ job }) => job !== undefined);
    if (alive.length < LEAST_ALIVE * this.siblings) return false;
    // A row's own values are copied in each step; from here on that would cost more than sharing saves.
    const [{ row, from }] = alive;
    return row.start - from < from * (1 - 1 / this.siblings);
  }

  #group(group: number): Member<Job>[] {
    return this.#members.slice(group * this.siblings, (group + 1) * this.siblings);
  }

  #takeOut(group: number): Leaving<Job>[] {
    const first = group * this.siblings;
    const leaving = this.#group(group).flatMap(({ row, from, job }, i) => {
      if (!job) return [];
      const shared = Array.from({ length: from / this.chunk }, (_, index) => this.memory.shared.read(group, index));
      const own = Array.from({ length: (row.start - from) / this.chunk }, (_, index) =>
        this.memory.own.read(first + i, index),
      );
      return [{ job, blocks: [...shared, ...own] }];
    });
    // The last group takes its place, row by row.
    this.memory.shared.remove(group);
    for (let r = first + this.siblings - 1; r >= first; r--) {
      this.memory.own.remove(r);
      const last = this.#members.pop()!;
      if (r < this.#members.length) this.#members[r] = last;
    }
    return leaving;
  }
}
