import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { LIMITS } from '../../../policy/limits.js';
import { type Moments, MomentsInFile, MomentsInMemory } from '../../../policy/training/moments.js';
import { parameters } from '../../../policy/model/parameters.js';
import { smallConfig } from '../random-model.js';

const config = { ...smallConfig, vocabSize: 5, hiddenSize: 4, intermediateSize: 3, layers: 1, heads: 1, kvHeads: 1 };
const names = parameters(config).map(({ name }) => name);
const folder = mkdtempSync(join(tmpdir(), 'moments-'));
afterAll(() => rmSync(folder, { recursive: true }));

const change = fc.record({ name: fc.constantFrom(...names), at: fc.nat(1000), value: fc.float({ noNaN: true }) });

it.each([{ momentsPiece: 3, fileCallBytes: 7 }, { momentsPiece: 16, fileCallBytes: 40 }, LIMITS.learn])(
  'in a file, $momentsPiece numbers and $fileCallBytes bytes at a time, they are what they are in memory',
  async (limits) => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 30 }), async (changes) => {
        const [memory, file] = [new MomentsInMemory(config), new MomentsInFile(config, folder, limits)];
        const change = (moments: Moments, i: number): Promise<void> => {
          const { name: changed, at, value } = changes[i];
          // Those before and behind it are read and written, too.
          return moments.change(names, (name, first, second, from) => {
            if (name !== changed) return;
            const { length } = moments.read(name, 0);
            const places = [at % length, (at * 7) % length];
            if (places[0] >= from && places[0] < from + first.length) first[places[0] - from] += value;
            if (places[1] >= from && places[1] < from + second.length) second[places[1] - from] -= value;
          });
        };
        for (const i of changes.keys()) for (const moments of [memory, file]) await change(moments, i);
        for (const name of names)
          for (const which of [0, 1] as const) expect(file.read(name, which)).toEqual(memory.read(name, which));
        file.close();
      }),
      { numRuns: 30 },
    );
  },
);
