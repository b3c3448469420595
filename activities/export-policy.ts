import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import type { ArtifactRef } from '../contracts/artifact-ref.js';
import type { PolicyArtifact } from '../contracts/policy-artifact.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { join } from 'node:path';
import { getJson } from './io.js';

/**
 * Writes a policy as a Hugging Face checkpoint, in place of what the folder held. All files go beside the target first, then one
 * rename: the folder is there whole or not at all.
 */
export async function exportPolicy(store: ArtifactStore, ref: ArtifactRef, target: string): Promise<void> {
  const policy = await getJson<PolicyArtifact>(store, ref);
  const draft = `${target}.${process.pid}.tmp`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const files = [...Object.entries(policy.files), ...policy.weights.map(({ name, ref }) => [name, ref] as const)];
  for (const [name, file] of files) await copyFile(await store.localPath(file), join(draft, name));
  await rm(target, { recursive: true, force: true });
  await rename(draft, target);
}
