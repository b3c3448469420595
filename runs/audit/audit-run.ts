import type { Client } from '@temporalio/client';
import { engineServices } from '../../services/open-services.js';
import type { IterationProvenance } from '../../contracts/artifacts/iteration-provenance.js';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { checkArtifacts } from './artifacts.js';
import { Findings, type AuditReport, type IterationAudit } from './findings.js';
import { checkHistory } from './temporal-history.js';
import { readProvenance } from './provenance.js';
import { readLedger, readOr, type LedgerEntry } from './ledger.js';
import { recompute } from './recompute.js';
import { taskOpener } from './task-opener.js';
import { replayIteration, type ReplayServices } from './replay.js';
import type { RunFiles } from '../run-files.js';
import { checkLearningRates } from './steering.js';

export interface AuditOptions {
  /** Left out where there is no server: then nothing is compared with its history. */
  readonly client?: Client;
  /** Iterations to generate, score and update again. */
  readonly replay?: { readonly iterations: readonly number[]; readonly services: ReplayServices };
  readonly onProgress?: (doing: string) => void;
}

/** Proves or disproves every step of a run's history. */
export async function auditRun(
  store: ArtifactStore,
  files: RunFiles,
  { client, replay, onProgress = () => undefined }: AuditOptions = {},
): Promise<AuditReport> {
  const findings = new Findings();
  onProgress('read the ledger');
  const entries = await readLedger(store, files, findings);
  const provenance = await readProvenance(store, files, entries, findings);
  onProgress('hash the artifacts');
  const artifacts = await checkArtifacts(store, entries, files.evaluations, findings);
  const openTask = taskOpener();
  const verifiers = engineServices();
  for (const [i, entry] of entries.entries()) {
    onProgress(`recompute iteration ${entry.record.iteration}`);
    const before = entries[i - 1];
    const follows = before?.record.iteration === entry.record.iteration - 1;
    await recompute(store, entry, follows ? before : undefined, { openTask, ...verifiers }, findings);
  }
  await verifiers.close();
  checkLearningRates(entries, findings);
  if (!client) findings.notes.add('no Temporal server: nothing was compared with its history');
  if (client) onProgress('compare with the Temporal history');
  const actions = client ? await checkHistory(client, files.run, entries, provenance, findings) : [];
  for (const iteration of replay?.iterations ?? []) {
    onProgress(`replay iteration ${iteration}`);
    const entry = entries.find(({ record }) => record.iteration === iteration);
    if (!entry) findings.add('replay', iteration, 'the ledger has no such iteration');
    else if (replay) await replayIteration(store, replay.services, entry, findings);
  }
  return {
    run: files.run,
    verdict: findings.all.length === 0 ? 'proved' : 'disproved',
    iterations: await Promise.all(entries.map((entry) => iterationAudit(store, entry, provenance, findings))),
    findings: findings.all,
    notes: [...findings.notes],
    actions,
    artifacts,
  };
}

async function iterationAudit(
  store: ArtifactStore,
  { ref, record }: LedgerEntry,
  provenance: ReadonlyMap<number, IterationProvenance>,
  findings: Findings,
): Promise<IterationAudit> {
  const { iteration, policy } = record;
  const artifact = await readOr(store, policy.after, () => undefined);
  const activities = provenance.get(iteration)?.activities;
  return {
    iteration,
    record: ref,
    policy: artifact?.weights[0]?.ref.sha256 ?? null,
    checks: findings.outcomes(iteration),
    attempts: activities
      ? {
          activities: activities.length,
          repeated: activities.filter(({ attempts }) => attempts > 1).length,
          workers: new Set(activities.map(({ worker }) => worker)).size,
        }
      : null,
  };
}
