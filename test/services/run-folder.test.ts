import fc from 'fast-check';
import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimFolder, insertLine, ownerOf, runFolder, writeLine } from '../../services/run-folder.js';
import type { Services } from '../../services/services.js';
import { knownRuns, linesOf } from '../../runs/run-files.js';
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

describe('lines that come in any order', () => {
  const insert = (services: Services, number: number, text = '') =>
    insertLine(services, 'r', 'evaluations.jsonl', { number, value: { text } });

  it('each takes the place of its number only, however many are written at once', () =>
    withFolder(async (runsFolder) => {
      const services = { runsFolder } as Services;
      const path = join(runFolder(services, 'r'), 'evaluations.jsonl');
      const numbers = async (): Promise<number[]> =>
        (await linesOf<{ number: number }>(path)).map(({ number }) => number);
      for (const number of [0, 20, 10]) await insert(services, number);
      expect(await numbers()).toEqual([0, 10, 20]);
      await Promise.all([30, 40, 10, 5].map((number) => insert(services, number, 'again'.repeat(10 * number))));
      expect(await numbers()).toEqual([0, 5, 10, 20, 30, 40]);
      expect((await linesOf<{ text: string }>(path)).map(({ text }) => text.length)).toEqual([
        0, 250, 500, 0, 1500, 2000,
      ]);
    }));

  it('what is torn gives way, in a ledger too', () =>
    withFolder(async (runsFolder) => {
      const services = { runsFolder } as Services;
      const folder = runFolder(services, 'r');
      await insert(services, 0);
      await appendFile(join(folder, 'evaluations.jsonl'), '4567890123456}\nnull\n{"num');
      await insert(services, 1);
      expect(await linesOf(join(folder, 'evaluations.jsonl'))).toEqual([
        { number: 0, text: '' },
        { number: 1, text: '' },
      ]);
      await writeFile(join(folder, 'ledger.jsonl'), '{"number":0}\n4567890123456}\n');
      await writeLine(services, 'r', 'ledger.jsonl', { number: 1, value: {} });
      expect(await linesOf(join(folder, 'ledger.jsonl'))).toEqual([{ number: 0 }, { number: 1 }]);
    }));
});

it('lines of a ledger that are written at once do not mix', () =>
  withFolder(async (runsFolder) => {
    const services = { runsFolder } as Services;
    const texts = [20_000, 3, 40_000, 7].map((length) => 'é'.repeat(length));
    await Promise.all(
      texts.map((text) => writeLine(services, 'r', 'ledger.jsonl', { number: text.length, value: { text } })),
    );
    expect(await linesOf(join(runFolder(services, 'r'), 'ledger.jsonl'))).toEqual([
      { number: 3, text: texts[1] },
      { number: 7, text: texts[3] },
    ]);
  }));

describe('the name of a folder', () => {
  it.each([
    ['run-1 / α', 'run-1%20%2F%20%CE%B1'],
    ['..', '%2E%2E'],
    ['.', '%2E'],
    ['...', '...'],
    ['x'.repeat(255), 'x'.repeat(255)],
  ])('of %s', (run, name) => expect(runFolder({ runsFolder: '/home' }, run)).toBe(`/home/${name}`));

  it('can be made of any id, differs, and leads back to itself', () =>
    withFolder(async (runsFolder) => {
      const ids = ['..', '训练'.repeat(20), `${'训练'.repeat(20)}1`, 'x'.repeat(256), '🦆'.repeat(1000)];
      for (const run of ids) await writeLine({ runsFolder }, run, 'ledger.jsonl', { number: 0, value: {} });
      const known = await knownRuns(runsFolder);
      expect(known).toHaveLength(ids.length);
      const folders = (runs: readonly string[]): string[] => runs.map((run) => runFolder({ runsFolder }, run)).sort();
      expect(folders(known)).toEqual(folders(ids));
      expect((await readdir(runsFolder)).map((name) => join(runsFolder, name)).sort()).toEqual(folders(ids));
    }));
});

describe('a folder that is claimed', () => {
  it('is its own, again and again; another owner sets it aside under the next free name', () =>
    withFolder(async (folder) => {
      const home = { runsFolder: join(folder, 'runs') };
      const [run, other] = ['a/b', 'a/b~1'];
      const write = (value: string) => writeLine(home, run, 'ledger.jsonl', { number: 0, value: { value } });
      const read = (name: string) => linesOf(join(runFolder(home, name), 'ledger.jsonl'));
      await write('before folders were claimed');
      for (const owner of ['first', 'second', 'second']) {
        await claimFolder(home, { run, owner });
        await write(owner);
      }
      expect(await knownRuns(home.runsFolder)).toEqual([run, other, 'a/b~2']);
      expect(await read(other)).toEqual([{ number: 0, value: 'before folders were claimed' }]);
      expect(await read('a/b~2')).toEqual([{ number: 0, value: 'first' }]);
      expect(await read(run)).toEqual([{ number: 0, value: 'second' }]);
      expect(await ownerOf(runFolder(home, 'a/b~2'))).toEqual({ run, owner: 'first' });
    }));
});
