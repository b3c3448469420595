import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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
  if (policy.optimizer !== null) await declareFloat32(join(draft, 'config.json'));
  await rm(target, { recursive: true, force: true });
  await rename(draft, target);
}

/** The learner writes fp32. transformers would convert that to the format that config.json took over from the base model. */
async function declareFloat32(path: string): Promise<void> {
  const config = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  const outdated = ['dtype', 'torch_dtype'].filter((key) => (config[key] ?? 'float32') !== 'float32');
  if (outdated.length === 0) return;
  for (const key of outdated) config[key] = 'float32';
  await rm(path); // the copy may be as read-only as the artifact
  await writeFile(path, `${JSON.stringify(config, null, 2)}\n`);
}
