/** Siblings in flight against a model of what each has behind it, through any sequence of operations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecodedChunk } from '../../../../policy/onnx/generate/decode.js';
import {
  PrefixGroupBatch,
  type PrefixGroupMemory,
  prefixGroupMemory,
} from '../../../../policy/onnx/generate/prefix-group-batch.js';
import { Row } from '../../../../policy/onnx/generate/row.js';
import type { Block } from '../../../../policy/onnx/generate/slots.js';
import { type Limits, LIMITS } from '../../../../policy/limits.js';
import { EVERYTHING_IS_LARGE } from '../../../support/large-limits.js';
import { smallConfig } from '../../random-model.js';

const CHUNK = 4;
const SIBLINGS = 3;
const SLOTS = 12;
const config = { ...smallConfig, layers: 1, kvHeads: 1, headSize: 2 };
const WIDTH = CHUNK * config.headSize;

interface Job {
  readonly name: number;
  readonly row: Row;
  cancelled: boolean;
}

/** One row of it after another. */
const blockOf = (...names: readonly number[]): Block => {
  const matrix = (sign: number): Float32Array =>
    Float32Array.from(
      { length: names.length * WIDTH },
      (_, i) => sign * (1000 * names[Math.floor(i / WIDTH)] + (i % WIDTH)),
    );
  return { keys: [matrix(1)], values: [matrix(-1)] };
};

const jobOf = (name: number, prefix: number, newTokens: number): Job => {
  const uniforms = { kind: 'given' as const, values: [] };
  const request = { uniforms, maxNewTokens: newTokens, temperature: 1, stopIds: [] };
  // The last token of the prefix is the first of its chunk.
  return { name, row: new Row({ ...request, prefix: new Int32Array(prefix * CHUNK + 1) }, CHUNK), cancelled: false };
};

/** Ends the row's chunk, unless the row ends before. */
function takeChunk({ row }: Job): void {
  for (const end = row.start + CHUNK + 1; row.length < end && !row.done;) row.push(0, 0);
}

type Operation =
  | { readonly kind: 'add'; readonly prefixes: readonly number[]; readonly newTokens: readonly number[] }
  | { readonly kind: 'run' | 'release' }
  | { readonly kind: 'cancel'; readonly at: number };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      prefixes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 2 }),
      newTokens: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2 * SIBLINGS, maxLength: 2 * SIBLINGS }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('run' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), at: fc.nat(20) }) },
);

/** A batch, and of each job in flight the blocks that it must have. */
class Scene {
  #batch: PrefixGroupBatch<Job>;
  readonly #expected = new Map<Job, Block[]>();
  #names = 0;

  constructor(private readonly limits: Limits['generate']) {
    this.#batch = this.#open(prefixGroupMemory(config, CHUNK, SLOTS, limits.slots));
  }

  perform(one: Operation): void {
    if (one.kind === 'add') this.#add(one.prefixes, one.newTokens);
    else if (one.kind === 'run') this.#run(0);
    else if (one.kind === 'cancel') {
      const { jobs } = this.#batch;
      if (jobs.length > 0) jobs[one.at % jobs.length].cancelled = true;
    } else {
      this.#batch = this.#open(this.#batch.release());
      this.#expected.clear();
    }
    expect(new Set(this.#batch.jobs)).toEqual(new Set(this.#expected.keys()));
  }

  #open(memory: PrefixGroupMemory): PrefixGroupBatch<Job> {
    return new PrefixGroupBatch<Job>(memory, CHUNK, SIBLINGS, this.limits.prefixGroups);
  }

  /** As the generator does with rows that have taken their first chunk behind a prefix. */
  #add(prefixes: readonly number[], newTokens: readonly number[]): void {
    const fits = SLOTS - this.#batch.jobs.length;
    const groups = prefixes.slice(0, Math.floor(fits / SIBLINGS));
    if (groups.length === 0) return;
    const first = this.#batch.rows.length;
    groups.forEach((length, g) => {
      const jobs = newTokens
        .slice(g * SIBLINGS, (g + 1) * SIBLINGS)
        .map((tokens) => jobOf(this.#names++, length, tokens));
      const prefix = Array.from({ length }, () => blockOf(this.#names++));
      for (const job of jobs) this.#expected.set(job, [...prefix]);
      this.#batch.add(jobs, prefix);
    });
    this.#run(first);
  }

  /** One chunk of the rows from `first` on. */
  #run(first: number): void {
    const ran = this.#batch.rows.slice(first);
    if (ran.length === 0) return;
    const byRow = new Map([...this.#expected.keys()].map((job) => [job.row, job]));
    const names = ran.map(() => this.#names++);
    const ended: Job[] = [];
    ran.forEach((row, r) => {
      const job = byRow.get(row);
      if (!job) return; // it was done before
      const blocks = this.#expected.get(job)!;
      expect(row.start).toBe(blocks.length * CHUNK);
      takeChunk(job);
      if (row.done || job.cancelled) ended.push(job);
      else blocks.push(blockOf(names[r]));
    });
    expect(this.#batch.keep({ block: blockOf(...names) } as DecodedChunk, first)).toEqual(ended);
    for (const job of ended) this.#expected.delete(job);
    for (const { job, blocks } of this.#batch.part()) {
      expect(blocks).toEqual(this.#expected.get(job));
      this.#expected.delete(job);
    }
  }
}

const EACH: Record<string, Limits['generate']> = {
  'that part at once': LIMITS.generate,
  'that stay together as long as they may': EVERYTHING_IS_LARGE.generate,
  'that part when few are left, with memory that is kept': {
    ...LIMITS.generate,
    prefixGroups: { ...LIMITS.generate.prefixGroups, positionsOfRun: 50 },
  },
};

describe.each(Object.entries(EACH))('siblings %s', (_, limits) => {
  it('go on by themselves with what they shared and what was their own', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 25 }), (operations) => {
        const scene = new Scene(limits);
        for (const one of operations) scene.perform(one);
      }),
      { numRuns: 100 },
    );
  });
});
