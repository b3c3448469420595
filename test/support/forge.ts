/** Changes a run's records as somebody would who can write its files and knows how they hang together. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import { canonicalJson } from '../../contracts/artifacts/canonical-json.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import type { LedgerLine } from '../../contracts/artifacts/ledger-line.js';
import { objectPath } from './kept-run.js';

export function recordOf({
  number: _n,
  sha256: _s,
  bytes: _b,
  provenance: _p,
  ...record
}: LedgerLine): IterationRecord {
  return record;
}

/** The record under its true name, and its line. */
export async function writeRecord(home: string, line: LedgerLine, record: object): Promise<LedgerLine> {
  return { ...line, ...record, ...(await place(home, record)) };
}

export async function writeLedger(home: string, run: string, lines: readonly LedgerLine[]): Promise<void> {
  const path = join(home, 'runs', encodeURIComponent(run), 'ledger.jsonl');
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Another record in place of the newest one, with provenance and ledger made to fit. */
export async function forgeNewest(
  home: string,
  run: string,
  lines: readonly LedgerLine[],
  record: object,
): Promise<void> {
  const newest = lines[lines.length - 1];
  const line = await writeRecord(home, newest, record);
  const provenance = JSON.parse(await readFile(objectPath(home, newest.provenance.sha256), 'utf8')) as object;
  const { sha256, bytes } = line;
  const forged = await place(home, { ...provenance, record: { sha256, bytes, kind: 'iteration-record' } });
  await writeLedger(home, run, [...lines.slice(0, -1), { ...line, provenance: { ...newest.provenance, ...forged } }]);
}

async function place(home: string, value: object): Promise<Pick<ArtifactRef, 'sha256' | 'bytes'>> {
  const text = canonicalJson(value);
  const sha256 = createHash('sha256').update(text).digest('hex');
  const path = objectPath(home, sha256);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, text);
  return { sha256, bytes: Buffer.byteLength(text) };
}
