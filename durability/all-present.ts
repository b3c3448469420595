import { refsIn, type ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { getJson } from '../store/formats/io.js';

/**
 * Whether everything that a result speaks of is in the store, and then keeps it from being collected: what was cleaned up may
 * have left the memory of it, or of a policy everything but its weights.
 */
export async function allPresent(store: ArtifactStore, result: object): Promise<boolean> {
  for (const ref of refsIn(result)) if (!(await holds(store, ref))) return false;
  return true;
}

async function holds(store: ArtifactStore, ref: ArtifactRef): Promise<boolean> {
  if (!(await store.renew(ref))) return false;
  return ref.kind === 'policy' ? allPresent(store, await getJson(store, ref)) : true;
}
