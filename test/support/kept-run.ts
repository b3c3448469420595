/** A finished run on the null engine whose files outlive it, and copies of them to be spoilt. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { auditRun, type AuditOptions } from '../../runs/audit/audit-run.js';
import type { AuditReport } from '../../runs/audit/findings.js';
import { readRunFiles } from '../../runs/run-files.js';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunForm } from '../../contracts/config/form.js';
import type { StandingLearner } from '../../contracts/engine/engine.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { nullRun, type FinishedRun } from './null-run.js';
import { withFolder, type Temporal } from './temporal.js';

export interface KeptRun {
  readonly run: string;
  /** Holds `store/` and `runs/`. */
  readonly home: string;
}

export async function keptRun(
  temporal: Temporal,
  form: RunForm,
  learner?: () => StandingLearner,
  during?: (handle: WorkflowHandle) => Promise<unknown>,
): Promise<KeptRun> {
  const home = await mkdtemp(join(tmpdir(), 'attnrl-kept-'));
  const keep = async ({ result, workflowId }: FinishedRun): Promise<KeptRun> => {
    await cp(dirname(dirname(result.runFolder)), home, { recursive: true });
    return { run: workflowId, home };
  };
  return nullRun(temporal, form, keep, learner, during);
}

/** As a fresh process would: nothing that was read before counts. */
export async function audit({ run, home }: KeptRun, options: AuditOptions = {}): Promise<AuditReport> {
  const store = await LocalArtifactStore.open(join(home, 'store'));
  return auditRun(store, await readRunFiles(join(home, 'runs'), run), options);
}

/** Lets `spoil` change a copy. */
export async function audited(
  { run, home }: KeptRun,
  spoil: (home: string) => Promise<void>,
  options: AuditOptions = {},
): Promise<AuditReport> {
  return withFolder(async (folder) => {
    const copy = join(folder, 'home');
    await cp(home, copy, { recursive: true });
    await spoil(copy);
    return audit({ run, home: copy }, options);
  });
}

export function discard({ home }: KeptRun): Promise<void> {
  return rm(home, { recursive: true });
}

/** Paths of all artifacts. */
export async function objectFiles(home: string): Promise<string[]> {
  const objects = join(home, 'store', 'objects');
  const names = await readdir(objects, { recursive: true });
  return names
    .filter((name) => basename(name).includes('.'))
    .map((name) => join(objects, name))
    .sort();
}

export function objectPath(home: string, sha256: string, extension = 'json'): string {
  return join(home, 'store', 'objects', sha256.slice(0, 2), `${sha256}.${extension}`);
}
