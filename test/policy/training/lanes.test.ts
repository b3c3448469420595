/** Sums of lanes, exchanged by members of a team, against one who is alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { Meeting } from '../../../policy/processes/meeting.js';
import type { Passed } from '../../../policy/training/passed.js';
import { LANES, Lanes, lanesOf } from '../../../policy/training/lanes.js';
import { smallConfig } from '../random-model.js';

const config = { ...smallConfig, vocabSize: 5, hiddenSize: 4, intermediateSize: 3, layers: 1, heads: 1, kvHeads: 1 };
const folder = mkdtempSync(join(tmpdir(), 'lanes-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Step {
  /** What each micro-batch adds to every number of the gradient. */
  readonly microBatches: readonly number[];
  /** Before it a policy is loaded. */
  readonly loads: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  microBatches: fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 2 * LANES + 1 }),
  loads: fc.boolean(),
});

/** One token per micro-batch. */
const nothing = (count: number): Passed => ({
  logProbs: new Float32Array(count),
  entropies: new Float32Array(count),
  refLogProbs: new Float32Array(count),
});

/** What a member knows after each step. */
async function taken(lanes: Lanes, steps: readonly Step[], arrive: () => Promise<void>): Promise<unknown[]> {
  const results: unknown[] = [];
  for (const { microBatches, loads } of steps) {
    if (loads) lanes.restart();
    lanes.clear();
    const passed = nothing(microBatches.length);
    for (const { lane, microBatches: own } of lanes.own(microBatches.map((value, i) => ({ value, i })))) {
      for (const { value, i } of own) {
        for (const values of lanes.of(lane).values()) values.forEach((sum, n) => (values[n] = sum + value));
        passed.logProbs[i] = value;
      }
    }
    await lanes.exchange(passed, lanesOf(microBatches.length));
    results.push([[...lanes.sum.values()].map((values) => values.slice()), passed]);
    await arrive(); // a step ends in all members before the next begins
  }
  return results;
}

it('members of a team come to the bits of one alone, step by step', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), async (steps) => {
      const alone = await taken(new Lanes(config), steps, () => Promise.resolve());
      for (const size of [2, 4]) {
        const [inExchange, between] = [new Meeting(size), new Meeting(size)];
        const members = Array.from({ length: size }, (_, rank) => {
          const meet = (): Promise<void> => inExchange.arrive();
          return taken(new Lanes(config, { rank, size, folder, meet }), steps, () => between.arrive());
        });
        for (const results of await Promise.all(members)) expect(results).toEqual(alone);
      }
    }),
    { numRuns: 30, examples: [[[{ microBatches: [-0, 0], loads: false }]]] },
  );
});
