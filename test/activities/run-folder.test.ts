import fc from 'fast-check';
import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runFolder, writeLine } from '../../activities/run-folder.js';
import type { Services } from '../../activities/services.js';
import { linesOf } from '../../audit/run-files.js';
import { withFolder } from '../support/temporal.js';

const writes = fc.array(
  fc.record({
    number: fc.nat(12),
    // Longer than what is read of a file at first, and shorter.
    text: fc.oneof(
      fc.string(),
      fc.nat(40_000).map((length) => 'é'.repeat(length)),
    ),
    torn: fc.option(fc.constantFrom('{"number":1', '{"number":3,"text":"', '{'), { freq: 3 }),
  }),
  { minLength: 1, maxLength: 8 },
);

it('each number is there once, in order, the last that was written; what a killed writer left is not', () =>
  fc.assert(
    fc.asyncProperty(writes, (lines) =>
      withFolder(async (runsFolder) => {
        const services = { runsFolder } as Services;
        const path = join(runFolder(services, 'a/b'), 'ledger.jsonl');
        let expected: { number: number; text: string }[] = [];
        for (const { number, text, torn } of lines) {
          await writeLine(services, 'a/b', 'ledger.jsonl', { number, value: { text } });
          expected = [...expected.filter((line) => line.number < number), { number, text }];
          expect(await linesOf(path)).toEqual(expected);
          if (torn !== null) await appendFile(path, torn);
          expect(await linesOf(path)).toEqual(expected);
        }
        const last = lines.at(-1)!.number + 1;
        await writeLine(services, 'a/b', 'ledger.jsonl', { number: last, value: { text: '' } });
        expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(expected.length + 2);
      }),
    ),
    { numRuns: 30 },
  ));
