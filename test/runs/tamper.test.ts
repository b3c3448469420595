/** Every way to change a run's history is found, and named. */
import fc from 'fast-check';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditReport } from '../../runs/audit/findings.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { LedgerLine } from '../../contracts/artifacts/ledger-line.js';
import { forgeNewest, recordOf, writeLedger, writeRecord } from '../support/forge.js';
import { audit, audited, discard, keptRun, objectFiles, objectPath, type KeptRun } from '../support/kept-run.js';
import { Temporal } from '../support/temporal.js';

let temporal: Temporal;
let kept: KeptRun;
let lines: readonly LedgerLine[];
let files: string[];
beforeAll(async () => {
  temporal = await Temporal.start();
  kept = await keptRun(temporal, { iterations: 3 });
  lines = (await readRunFiles(join(kept.home, 'runs'), kept.run)).ledger;
  files = (await objectFiles(kept.home)).map((path) => path.slice(kept.home.length));
});
afterAll(async () => {
  await discard(kept);
  await temporal?.stop();
});

const said = ({ findings }: AuditReport): string =>
  findings.map(({ check, problem }) => `${check}: ${problem}`).join('\n');

it('the run as it is: proved', async () => {
  expect((await audit(kept)).findings).toEqual([]);
});

it('one flipped bit in any artifact: found, the artifact named', async () => {
  // Every artifact once, at a place and bit of chance.
  const places = fc.sample(
    fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(7)),
    files.length,
  );
  for (const [i, file] of files.entries()) {
    const path = join(kept.home, file);
    const whole = await readFile(path);
    const spoilt = Buffer.from(whole);
    const [place, bit] = places[i];
    const at = Math.floor(place * spoilt.length);
    spoilt[at] ^= 1 << bit;
    await writeFile(path, spoilt);
    const report = await audit(kept);
    await writeFile(path, whole);
    expect(report.verdict, `${file}, byte ${at}, bit ${bit}`).toBe('disproved');
    expect(said(report)).toContain(basename(file).split('.')[0]);
  }
});

it('a missing artifact: found, the artifact named', async () => {
  const { tree, rows, policy } = lines[1];
  for (const { sha256 } of [tree, rows, policy.after]) {
    const file = files.find((name) => name.includes(sha256))!;
    const report = await audited(kept, (home) => rm(join(home, file)));
    expect(report.findings).toContainEqual(expect.objectContaining({ check: 'artifacts', iteration: 1 }));
    expect(said(report)).toContain(sha256);
  }
});

describe('records', () => {
  it('two swapped: both named', async () => {
    const report = await audited(kept, async (home) => {
      const [one, other] = [0, 1].map((m) => objectPath(home, lines[m].sha256));
      await rename(one, `${one}.aside`);
      await rename(other, one);
      await rename(`${one}.aside`, other);
    });
    const named = report.findings.filter(({ check }) => check === 'chain');
    expect(named.map(({ iteration }) => iteration).sort()).toEqual([0, 1]);
    for (const m of [0, 1]) expect(said(report)).toContain(lines[m].sha256);
  });

  it('two swapped in the ledger file', async () => {
    const report = await audited(kept, (home) => writeLedger(home, kept.run, [lines[1], lines[0], lines[2]]));
    expect(report.verdict).toBe('disproved');
  });

  it.each([0, 1, 2])('%i dropped', async (m) => {
    const report = await audited(kept, (home) => rm(objectPath(home, lines[m].sha256)));
    expect(report.findings).toContainEqual(
      expect.objectContaining({
        check: 'chain',
        iteration: m,
        problem: expect.stringContaining(lines[m].sha256) as string,
      }),
    );
  });

  it('one dropped, those behind it chained anew to hide it', async () => {
    const report = await audited(kept, async (home) => {
      const last = { ...recordOf(lines[2]), previous: lines[1].previous };
      await writeLedger(home, kept.run, [lines[0], await writeRecord(home, lines[2], last)]);
    });
    expect(report.findings).toContainEqual(expect.objectContaining({ check: 'chain', iteration: 1 }));
  });

  it('the newest cut off: the server knows of it', async () => {
    const cut = (home: string): Promise<void> => writeLedger(home, kept.run, lines.slice(0, 2));
    const report = await audited(kept, cut, { client: temporal.environment.client });
    expect(report.findings).toContainEqual(expect.objectContaining({ check: 'history', iteration: 2 }));
  });
});

describe('one number in a record changed', () => {
  const numbers = (value: unknown, path: string[] = []): string[][] =>
    typeof value === 'number'
      ? [path]
      : typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, inner]) => numbers(inner, [...path, key]))
        : [];

  it('and nothing hashed anew: damaged', async () => {
    const report = await audited(kept, async (home) => {
      const path = objectPath(home, lines[1].sha256);
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.replace('"batchSize":', '"batchSize":1'));
    });
    expect(said(report)).toContain(lines[1].sha256);
  });

  it.each([0, 1, 2])(
    'record %i, its name and its line in the ledger made to fit: chain or provenance break',
    async (m) => {
      const paths = fc.sample(fc.constantFrom(...numbers(recordOf(lines[m]))), 8);
      for (const path of [['manifest', 'bytes'], ...paths]) {
        const report = await audited(kept, async (home) => {
          const line = await writeRecord(home, lines[m], changed(recordOf(lines[m]), path));
          await writeLedger(
            home,
            kept.run,
            lines.map((one, i) => (i === m ? line : one)),
          );
        });
        const broken = report.findings.filter(
          ({ check, iteration }) => iteration === m && /chain|provenance/.test(check),
        );
        expect(broken, path.join('.')).not.toEqual([]);
      }
    },
  );

  it('any number of the newest record, its provenance made to fit as well: recomputation or the server disagree', async () => {
    for (const path of numbers(recordOf(lines[2]))) {
      const forged = (home: string): Promise<void> =>
        forgeNewest(home, kept.run, lines, changed(recordOf(lines[2]), path));
      // What only the learner could know needs the server (or a replay).
      const client = path.includes('update') ? { client: temporal.environment.client } : {};
      const report = await audited(kept, forged, client);
      expect(report.verdict, path.join('.')).toBe('disproved');
    }
  });
});

function changed(record: object, path: readonly string[]): object {
  const copy = structuredClone(record);
  let holder = copy as Record<string, unknown>;
  for (const key of path.slice(0, -1)) holder = holder[key] as Record<string, unknown>;
  const last = path.at(-1)!;
  holder[last] = Number(holder[last]) + 1;
  return copy;
}
