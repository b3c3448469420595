import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { readEntry } from './audit/ledger.js';
import type { RunFiles } from './run-files.js';

/** Policy `version` of a run: its weights after that many updates; the newest when left out. */
export async function policyOf(
  store: ArtifactStore,
  files: RunFiles,
  version = (files.ledger.at(-1)?.number ?? 0) + 1,
): Promise<{ version: number; policy: ArtifactRef<'policy'> }> {
  if (version === 0) return { version, policy: (await readEntry(store, files, 0)).record.policy.before };
  return { version, policy: (await readEntry(store, files, version - 1)).record.policy.after };
}
