import type { Client } from '@temporalio/client';
import { join } from 'node:path';
import type { ArtifactStore } from '../../store/artifact-store.js';
import { LocalCollector } from '../../store/local-collector.js';
import { collect, reachable, type Collection } from './garbage.js';
import { liveRefs } from './live-runs.js';
import { knownRuns, readRunFiles, UnknownRun, type RunFiles } from '../run-files.js';

/** Collects in the store of a home, for all runs that it has a folder of and all that go on at the server. */
export async function collectUnneeded(
  store: ArtifactStore,
  home: string,
  client: Client,
  options: { readonly remove: boolean; readonly leaseMs?: number },
): Promise<Collection> {
  // Live runs first: what a run commits meanwhile is then in its ledger or in the history that was read.
  const live = await liveRefs(client);
  const runs: RunFiles[] = [];
  const known = new Set<string>();
  const unknown = async (): Promise<string[]> => (await knownRuns(join(home, 'runs'))).filter((run) => !known.has(run));
  // A run that begins may set another one's folder aside meanwhile: that has a new name then.
  for (let names = await unknown(); names.length > 0; names = await unknown()) {
    for (const run of names) {
      known.add(run);
      const files = await readRunFiles(join(home, 'runs'), run).catch((error: unknown) => {
        if (error instanceof UnknownRun) return error.evaluations;
        throw error;
      });
      if ('ledger' in files) runs.push(files);
      else live.push({ run, training: false, refs: files.map(({ evaluation }) => evaluation) });
    }
  }
  return collect(new LocalCollector(join(home, 'store')), await reachable(store, runs, live), options);
}
