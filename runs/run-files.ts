/** The folder of a run as `commitIteration` and `recordEvaluation` write it. */
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownerOf, runFolder } from '../services/run-folder.js';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import { LEDGER_FILE, type LedgerLine } from '../contracts/artifacts/ledger-line.js';
import { ifAbsent } from '../store/absent.js';

/** No run of that name has committed an iteration in this home. */
export class UnknownRun extends Error {
  override readonly name = 'UnknownRun';
  constructor(
    run: string,
    folder: string,
    known: readonly string[],
    /** It may have been evaluated. */
    readonly evaluations: RunFiles['evaluations'],
  ) {
    const others = known.length === 0 ? 'there are none' : `there are: ${known.join(', ')}`;
    super(`${folder} has no run "${run}" with a committed iteration; ${others}. Is ATTNRL_HOME that of its workers?`);
  }
}

export interface RunFiles {
  /** What its folder is called after. */
  readonly run: string;
  /** As its records name it: another one where its folder was set aside for a run of the same id. */
  readonly workflowId: string;
  /** At least one line. */
  readonly ledger: readonly LedgerLine[];
  readonly evaluations: readonly { readonly number: number; readonly evaluation: ArtifactRef<'evaluation'> }[];
}

/** The ends of a run's two chains. */
export interface RunHead {
  readonly record: ArtifactRef<'iteration-record'>;
  readonly provenance: ArtifactRef<'iteration-provenance'>;
}

/** Rejects with UnknownRun. */
export async function readRunFiles(runsFolder: string, run: string): Promise<RunFiles> {
  const folder = runFolder({ runsFolder }, run);
  const ledger = await linesOf<LedgerLine>(join(folder, LEDGER_FILE));
  const evaluations = await linesOf<RunFiles['evaluations'][number]>(join(folder, 'evaluations.jsonl'));
  if (ledger.length === 0) throw new UnknownRun(run, runsFolder, await knownRuns(runsFolder), evaluations);
  return { run, workflowId: (await ownerOf(folder))?.run ?? run, ledger, evaluations };
}

export function runHead({ ledger }: RunFiles): RunHead {
  const last = ledger[ledger.length - 1];
  return { record: recordOf(last), provenance: last.provenance };
}

export function recordOf({ sha256, bytes }: LedgerLine): ArtifactRef<'iteration-record'> {
  return { sha256, bytes, kind: 'iteration-record' };
}

/** Names of the runs that have a folder. */
export async function knownRuns(runsFolder: string): Promise<string[]> {
  const entries = await readdir(runsFolder, { withFileTypes: true }).catch(ifAbsent<Dirent[]>([]));
  return entries
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
    .map(({ name }) => decodeURIComponent(name))
    .sort();
}

/** Lines of a JSON-lines file; none where it is missing. One without an end is still being written. */
export async function linesOf<T>(path: string): Promise<T[]> {
  const text = await readFile(path, 'utf8').catch(ifAbsent(''));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);
}
