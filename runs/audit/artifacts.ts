import { readArtifact } from '../../store/formats/artifacts.js';
import { refsIn, type ArtifactKind, type ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { getJson } from '../../store/json.js';
import { nameOf, type Findings } from './findings.js';
import { isLost, type LedgerEntry } from './ledger.js';
import { keepsPolicy } from '../garbage/retention.js';

/** Kinds whose content names other artifacts. Records and provenance are chains of their own. */
const NAMES_OTHERS: ReadonlySet<ArtifactKind> = new Set(['policy', 'manifest', 'evaluation']);
const CHAINED: ReadonlySet<ArtifactKind> = new Set(['iteration-record', 'iteration-provenance']);

export interface ArtifactTotals {
  checked: number;
  bytes: number;
  /** Not there any more, as the run's retention allows. */
  released: number;
}

/** Reads every artifact of a run and compares it with its name. */
export async function checkArtifacts(
  store: ArtifactStore,
  entries: readonly LedgerEntry[],
  evaluations: readonly { readonly number: number; readonly evaluation: ArtifactRef<'evaluation'> }[],
  findings: Findings,
): Promise<ArtifactTotals> {
  const totals: ArtifactTotals = { checked: 0, bytes: 0, released: 0 };
  const seen = new Set<string>();
  const released = await releasedBlobs(store, entries);
  const check = async (ref: ArtifactRef, iteration: number): Promise<void> => {
    const key = `${ref.kind} ${ref.sha256} ${ref.bytes}`;
    if (CHAINED.has(ref.kind) || seen.has(key)) return;
    seen.add(key);
    if (released.has(ref.sha256) && !(await store.has(ref))) {
      totals.released += 1;
      return;
    }
    try {
      await store.localPath(ref);
    } catch (error) {
      if (!isLost(error)) throw error;
      findings.add('artifacts', iteration, error.message);
      return;
    }
    totals.checked += 1;
    totals.bytes += ref.bytes;
    if (!NAMES_OTHERS.has(ref.kind)) return;
    for (const inner of refsIn(await getJson(store, ref))) await check(inner, iteration);
  };
  for (const { record } of entries) {
    for (const ref of refsIn(record)) await check(ref, record.iteration);
    findings.done('artifacts', record.iteration);
  }
  for (const { number, evaluation } of evaluations) await check(evaluation, Math.max(0, number - 1));
  return totals;
}

/** Weights and optimiser state of the policies that retention lets go. */
async function releasedBlobs(store: ArtifactStore, entries: readonly LedgerEntry[]): Promise<ReadonlySet<string>> {
  const newest = (entries.at(-1)?.record.iteration ?? 0) + 1;
  const [kept, released] = [new Set<string>(), new Set<string>()];
  for (const { record, manifest } of entries) {
    const versions = [
      [record.iteration, record.policy.before],
      [record.iteration + 1, record.policy.after],
      [0, manifest.policy],
    ] as const;
    for (const [version, ref] of versions) {
      const blobs = await blobsOf(store, ref);
      const into = keepsPolicy(version, newest, manifest.config.retention) ? kept : released;
      for (const { sha256 } of blobs) into.add(sha256);
    }
  }
  return new Set([...released].filter((sha256) => !kept.has(sha256)));
}

/** Weights and optimiser state; none where the policy itself is lost, which is found elsewhere. */
export async function blobsOf(store: ArtifactStore, ref: ArtifactRef<'policy'>): Promise<ArtifactRef[]> {
  try {
    const { weights, optimizer } = await readArtifact(store, ref);
    return [...weights.map((weight) => weight.ref), ...(optimizer ? [optimizer] : [])];
  } catch (error) {
    if (isLost(error)) return [];
    throw new Error(`${nameOf(ref)} cannot be read`, { cause: error });
  }
}
