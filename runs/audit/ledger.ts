import type { ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import { iterationRecord } from '../../contracts/artifacts/iteration-record-schema.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import { ArtifactDamaged, ArtifactMissing, type ArtifactStore } from '../../store/artifact-store.js';
import { type Contents, readArtifact } from '../../store/formats/artifacts.js';
import { difference, nameOf, type Findings } from './findings.js';
import type { LedgerLine } from '../../contracts/artifacts/ledger-line.js';
import { runHead, type RunFiles } from '../run-files.js';

export interface LedgerEntry {
  readonly ref: ArtifactRef<'iteration-record'>;
  readonly record: IterationRecord;
  readonly manifest: RunManifest;
}

/**
 * The records from the first to the head, with their manifests. Where a record is lost or damaged, the run's mirror tells
 * which one comes before it, so that the rest can still be looked at.
 */
export async function readLedger(store: ArtifactStore, files: RunFiles, findings: Findings): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = [];
  const mirrored = new Map(files.ledger.map((line) => [line.number, line]));
  let expected = files.ledger.at(-1)?.number ?? null;
  for (let ref: ArtifactRef<'iteration-record'> | null = runHead(files).record; ref !== null;) {
    const record = await readRecord(store, ref, expected, findings);
    const line: LedgerLine | undefined = mirrored.get(record?.iteration ?? expected ?? -1);
    if (record) {
      checkNumber(record, expected, findings);
      checkMirror(ref, record, line, files, findings);
      const manifest = await readManifestOf(store, ref, record, findings);
      if (manifest) entries.push({ ref, record, manifest });
      findings.done('chain', record.iteration);
    }
    const reached: number | null = record?.iteration ?? expected;
    expected = reached === null ? null : reached - 1;
    ref = (record ?? line)?.previous ?? null;
  }
  if (expected !== null && expected >= 0) findings.add('chain', expected, 'no record: the chain ends before it');
  entries.reverse();
  entries.forEach((entry, i) => checkManifest(entry, entries[i - 1], findings));
  return entries;
}

async function readRecord(
  store: ArtifactStore,
  ref: ArtifactRef<'iteration-record'>,
  expected: number | null,
  findings: Findings,
): Promise<IterationRecord | undefined> {
  const content = await readOr(store, ref, (problem) => findings.add('chain', expected, problem));
  if (content === undefined) return undefined;
  const parsed = iterationRecord.safeParse(content);
  if (parsed.success) return parsed.data;
  for (const { path, message } of parsed.error.issues)
    findings.add('chain', expected, `${nameOf(ref)} is no iteration record: ${path.join('.')}: ${message}`);
  return undefined;
}

function checkNumber({ iteration, previous }: IterationRecord, expected: number | null, findings: Findings): void {
  if (expected !== null && iteration !== expected)
    findings.add('chain', expected, `no record of it: that of iteration ${iteration} stands in its place`);
  if (iteration === 0 && previous !== null) findings.add('chain', 0, 'the first record follows another one');
}

/** A fork's mirror begins behind its parent's records. */
function checkMirror(
  ref: ArtifactRef<'iteration-record'>,
  record: IterationRecord,
  line: LedgerLine | undefined,
  { ledger }: RunFiles,
  findings: Findings,
): void {
  const first = ledger[0]?.number ?? 0;
  if (record.iteration < first) return;
  const fail = (problem: string): void => findings.add('chain', record.iteration, `the mirror ledger.jsonl ${problem}`);
  if (!line) {
    fail('does not have it');
    return;
  }
  const { number: _number, sha256, bytes: _bytes, provenance: _provenance, ...mirrored } = line;
  if (sha256 !== ref.sha256) {
    fail(`names another record, ${sha256.slice(0, 12)}`);
    return;
  }
  const differs = difference(mirrored, record);
  if (differs !== undefined) fail(`does not hold the same: ${differs}`);
}

async function readManifestOf(
  store: ArtifactStore,
  ref: ArtifactRef<'iteration-record'>,
  { iteration, manifest }: IterationRecord,
  findings: Findings,
): Promise<RunManifest | undefined> {
  const report = (problem: string): void => findings.add('artifacts', iteration, `${problem} (of ${nameOf(ref)})`);
  return readOr(store, manifest, report);
}

/** A run keeps its manifest; a fork's names the record it goes on behind. */
function checkManifest({ record, manifest }: LedgerEntry, before: LedgerEntry | undefined, findings: Findings): void {
  const { iteration } = record;
  const expected = { configHash: manifest.configHash, seed: manifest.config.seed };
  const differs = difference({ configHash: record.configHash, seed: record.seed }, expected);
  if (differs !== undefined) findings.add('chain', iteration, `${differs}, says its manifest`);
  const same = before?.record.manifest.sha256 === record.manifest.sha256;
  if (same || (!before && iteration > 0)) return;
  const parent = manifest.parent?.sha256;
  if (parent !== before?.ref.sha256)
    findings.add(
      'chain',
      iteration,
      `its manifest is another than that of the record before, and names ${parent ?? 'no parent'}`,
    );
}

/** What an artifact holds; undefined, and the reason reported, where it is missing or damaged. */
export async function readOr<Kind extends keyof Contents>(
  store: ArtifactStore,
  ref: ArtifactRef<Kind>,
  report: (problem: string) => void,
): Promise<Contents[Kind] | undefined> {
  try {
    return await readArtifact(store, ref);
  } catch (error) {
    if (!isLost(error)) throw error;
    report(error.message);
    return undefined;
  }
}

export function isLost(error: unknown): error is ArtifactMissing | ArtifactDamaged {
  return error instanceof ArtifactMissing || error instanceof ArtifactDamaged;
}

/** The run has committed no such iteration. */
export class UnknownIteration extends Error {
  override readonly name = 'UnknownIteration';
  constructor({ run, ledger }: RunFiles, iteration: number) {
    super(`run ${run} has committed iterations 0 … ${ledger.at(-1)?.number ?? 0}, not ${iteration}`);
  }
}

/** One iteration, by way of the chain: of a fork, also those of its parent. Rejects with UnknownIteration, or where the store does. */
export async function readEntry(store: ArtifactStore, files: RunFiles, iteration: number): Promise<LedgerEntry> {
  for (let ref: ArtifactRef<'iteration-record'> | null = runHead(files).record; ref !== null;) {
    const record: IterationRecord = await readArtifact(store, ref);
    if (record.iteration === iteration) return { ref, record, manifest: await readArtifact(store, record.manifest) };
    ref = record.iteration > iteration ? record.previous : null;
  }
  throw new UnknownIteration(files, iteration);
}
