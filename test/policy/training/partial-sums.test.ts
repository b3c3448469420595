/** Sums of partial sums, exchanged by members of a group, against one who is alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { Barrier } from '../../../policy/processes/barrier.js';
import type { PassResult } from '../../../policy/training/pass-result.js';
import { PARTIAL_SUMS, PartialSums, partialSumsOf } from '../../../policy/training/partial-sums.js';
import { smallConfig } from '../random-model.js';

const config = { ...smallConfig, vocabSize: 5, hiddenSize: 4, intermediateSize: 3, layers: 1, heads: 1, kvHeads: 1 };
const folder = mkdtempSync(join(tmpdir(), 'partialSums-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Step {
  /** What each micro-batch adds to every number of the gradient. */
  readonly microBatches: readonly number[];
  /** Before it a policy is loaded. */
  readonly loads: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  microBatches: fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), {
    minLength: 1,
    maxLength: 2 * PARTIAL_SUMS + 1,
  }),
  loads: fc.boolean(),
});

/** One token per micro-batch. */
const nothing = (count: number): PassResult => ({
  logProbs: new Float32Array(count),
  entropies: new Float32Array(count),
  refLogProbs: new Float32Array(count),
});

/** What a member knows after each step. */
async function taken(
  partialSums: PartialSums,
  steps: readonly Step[],
  arrive: () => Promise<void>,
): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const { microBatches, loads } of steps) {
    if (loads) partialSums.restart();
    partialSums.clear();
    const passed = nothing(microBatches.length);
    for (const { partial, microBatches: own } of partialSums.own(microBatches.map((value, i) => ({ value, i })))) {
      for (const { value, i } of own) {
        for (const values of partialSums.of(partial).values()) values.forEach((sum, n) => (values[n] = sum + value));
        passed.logProbs[i] = value;
      }
    }
    await partialSums.exchange(passed, partialSumsOf(microBatches.length));
    results.push([[...partialSums.sum.values()].map((values) => values.slice()), passed]);
    await arrive(); // a step ends in all members before the next begins
  }
  return results;
}

it('members of a group come to the bits of one alone, step by step', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
      const alone = await taken(new PartialSums(config), steps, () => Promise.resolve());
      for (const size of [2, 4]) {
        const [inExchange, between] = [new Barrier(size), new Barrier(size)];
        const members = Array.from({ length: size }, (_, rank) => {
          const barrier = (): Promise<void> => inExchange.arrive();
          return taken(new PartialSums(config, { rank, size, folder, barrier }), steps, () => between.arrive());
        });
        for (const results of await Promise.all(members)) expect(results).toEqual(alone);
      }
    }),
    { numRuns: 30, examples: [[[{ microBatches: [-0, 0], loads: false }]]] },
  );
});
