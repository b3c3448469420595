import { join } from 'node:path';
import { readEnvironment } from '../contracts/environment.js';
import { LocalArtifactStore } from '../store/local-artifact-store.js';
import type { RunFiles } from '../runs/run-files.js';

/** Store and folder of a run, as its workers wrote them. Rejects with UnknownRun. */
export async function openRun(run: string): Promise<{ store: LocalArtifactStore; files: RunFiles }> {
  const { readRunFiles } = await import('../runs/index.js');
  const { home } = readEnvironment(process.env);
  const files = await readRunFiles(join(home, 'runs'), run);
  return { files, store: await LocalArtifactStore.open(join(home, 'store')) };
}
