/** Which artifacts no run needs: found by what is reachable from the ledgers and from the runs that go on. */
import { readArtifact } from '../../store/formats/artifacts.js';
import { refsIn, type ArtifactKind, type ArtifactRef } from '../../contracts/artifacts/artifact-ref.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import type { PolicyArtifact } from '../../contracts/artifacts/policy-artifact.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { getJson } from '../../store/json.js';
import type { LocalCollector, StoredObject } from '../../store/local-collector.js';
import { isLost } from '../audit/ledger.js';
import { keepsPolicy } from './retention.js';
import { runHead, type RunFiles } from '../run-files.js';

/**
 * Longer than any activity works without its result being in a history (8 hours): until then, what it wrote and what it found in
 * the store is reachable from nowhere.
 */
export const LEASE_MS = 24 * 3_600_000;

/**
 * Weights that a run has let go were reachable before. The lease has to cover only who comes to the same bits again, such as a
 * fork: from its writing them to their being in its history.
 */
export const RELEASED_LEASE_MS = 3_600_000;

/** What a run needs cannot be told, so nothing is removed. */
export class LedgerUnreadable extends Error {
  override readonly name = 'LedgerUnreadable';
  constructor(run: string, cause: Error) {
    super(
      `What run ${run} needs cannot be told: ${cause.message} Nothing was removed. ` +
        "Restore the artifact, or remove the run's folder if the run is given up.",
      { cause },
    );
  }
}

/** What runs that go on name in their histories. */
export interface LiveRefs {
  readonly run: string;
  /** The training itself, whose policies its ledger tells of; everything else needs the policies that it names. */
  readonly training: boolean;
  readonly refs: readonly ArtifactRef[];
}

const NAMES_OTHERS: ReadonlySet<ArtifactKind> = new Set([
  'policy',
  'manifest',
  'evaluation',
  'iteration-record',
  'iteration-provenance',
]);

/** By their SHA-256. */
export interface Reach {
  readonly needed: ReadonlySet<string>;
  /** Weights and optimiser state that were needed until their run's retention let them go. */
  readonly released: ReadonlySet<string>;
}

/** Rejects with LedgerUnreadable. */
export async function reachable(
  store: ArtifactStore,
  runs: readonly RunFiles[],
  live: readonly LiveRefs[],
): Promise<Reach> {
  const { kept, told } = await policiesOf(store, runs, live);
  const [needed, released] = [new Set<string>(), new Set<string>()];
  const walk = async (run: string, roots: readonly ArtifactRef[]): Promise<void> => {
    const open = [...roots];
    for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
      if (needed.has(ref.sha256)) continue;
      needed.add(ref.sha256);
      if (!NAMES_OTHERS.has(ref.kind)) continue;
      const content = await reading(run, getJson(store, ref));
      const inner = refsIn(content);
      if (ref.kind !== 'policy' || kept.has(ref.sha256)) open.push(...inner);
      else {
        open.push(...filesOf(content));
        if (told.has(ref.sha256)) for (const { sha256 } of inner) released.add(sha256);
      }
    }
  };
  for (const files of runs) {
    const { record, provenance } = runHead(files);
    await walk(files.run, [record, provenance, ...files.evaluations.map(({ evaluation }) => evaluation)]);
  }
  for (const { run, refs } of live) await walk(run, refs);
  return { needed, released };
}

/** Policies whose weights are needed, by the runs' retention or by something that goes on; and those that ledgers tell of. */
async function policiesOf(
  store: ArtifactStore,
  runs: readonly RunFiles[],
  live: readonly LiveRefs[],
): Promise<{ kept: ReadonlySet<string>; told: ReadonlySet<string> }> {
  const kept = new Set<string>();
  const toldBy = new Map<string, Set<string>>();
  for (const files of runs) {
    const told = new Set<string>();
    toldBy.set(files.run, told);
    const newest = (files.ledger.at(-1)?.number ?? 0) + 1;
    for (let ref: ArtifactRef<'iteration-record'> | null = runHead(files).record; ref !== null;) {
      const record: IterationRecord = await reading(files.run, readArtifact(store, ref));
      const { config, policy: base, parent } = await reading(files.run, readArtifact(store, record.manifest));
      const { iteration, policy } = record;
      kept.add(base.sha256);
      told.add(policy.before.sha256).add(policy.after.sha256);
      if (keepsPolicy(iteration, newest, config.retention)) kept.add(policy.before.sha256);
      if (keepsPolicy(iteration + 1, newest, config.retention)) kept.add(policy.after.sha256);
      // What a fork went out from.
      if (parent && parent.sha256 === record.previous?.sha256) kept.add(policy.before.sha256);
      ref = record.previous;
    }
  }
  for (const { run, training, refs } of live) {
    // What its ledger does not tell of yet is newer than all that the retention speaks of.
    const told = training ? toldBy.get(run) : undefined;
    for (const { kind, sha256 } of refs) if (kind === 'policy' && !told?.has(sha256)) kept.add(sha256);
  }
  return { kept, told: new Set([...toldBy.values()].flatMap((told) => [...told])) };
}

/** A policy without its weights and optimiser state. */
function filesOf(content: unknown): ArtifactRef[] {
  return refsIn((content as PolicyArtifact).files);
}

async function reading<T>(run: string, content: Promise<T>): Promise<T> {
  try {
    return await content;
  } catch (error) {
    throw isLost(error) ? new LedgerUnreadable(run, error) : error;
  }
}

export interface Collection {
  /** Needed, or younger than the lease, or removable: objects and their bytes. */
  readonly needed: Totals;
  readonly leased: Totals;
  readonly removable: Totals;
  /** Of the removable ones, those that were removed; null in a dry run. */
  readonly removed: Totals | null;
  /** Remembered results that spoke of them. */
  readonly results: number;
}

export interface Totals {
  readonly objects: number;
  readonly bytes: number;
}

interface Collecting {
  readonly remove: boolean;
  readonly leaseMs?: number;
  readonly releasedLeaseMs?: number;
}

/** Sorts what the store holds, and removes what nobody needs where `remove` is set. */
export async function collect(
  collector: LocalCollector,
  { needed, released }: Reach,
  { remove, leaseMs = LEASE_MS, releasedLeaseMs = RELEASED_LEASE_MS }: Collecting,
): Promise<Collection> {
  const objects = await collector.list();
  const unneeded = objects.filter(({ sha256 }) => !needed.has(sha256));
  const leaseOf = ({ sha256 }: StoredObject): number => (released.has(sha256) ? releasedLeaseMs : leaseMs);
  const [removable, leased] = [
    unneeded.filter((object) => object.ageMs >= leaseOf(object)),
    unneeded.filter((object) => object.ageMs < leaseOf(object)),
  ];
  const removed: StoredObject[] = [];
  for (const object of remove ? removable : [])
    if (await collector.remove(object, leaseOf(object))) removed.push(object);
  const gone = new Set(removed.map(({ sha256 }) => sha256));
  return {
    needed: totals(objects.filter(({ sha256 }) => needed.has(sha256))),
    leased: totals(leased),
    removable: totals(removable),
    removed: remove ? totals(removed) : null,
    // A result that speaks of what is gone is no younger than it: whoever remembered it has written or renewed that.
    results: remove ? await collector.removeResults(gone, Math.min(leaseMs, releasedLeaseMs)) : 0,
  };
}

function totals(objects: readonly StoredObject[]): Totals {
  return { objects: objects.length, bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0) };
}
