import { readArtifact } from '../store/formats/artifacts.js';
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { ArtifactRef } from '../contracts/artifacts/artifact-ref.js';
import type { ArtifactStore } from '../store/artifact-store.js';
import { basename, dirname, join } from 'node:path';
import { ifAbsent } from '../store/absent.js';
import { removeLeftovers } from '../store/atomic-write.js';

/**
 * Writes a policy as a Hugging Face checkpoint, in place of what the folder held. All files go beside the target first, then one
 * rename: the folder is there whole or not at all.
 * @param abandonedMs after which drafts of the same target count as those of killed processes, and are removed
 */
export async function exportPolicy(
  store: ArtifactStore,
  ref: ArtifactRef<'policy'>,
  target: string,
  { abandonedMs = ABANDONED_MS }: { readonly abandonedMs?: number } = {},
): Promise<void> {
  const policy = await readArtifact(store, ref);
  const own = basename(target);
  const isDraft = (name: string): boolean => name.startsWith(own) && DRAFT.test(name.slice(own.length));
  await removeLeftovers(dirname(target), abandonedMs, isDraft);
  const draft = `${target}.${randomUUID()}.tmp`;
  await mkdir(draft, { recursive: true });
  const files = [...Object.entries(policy.files), ...policy.weights.map(({ name, ref }) => [name, ref] as const)];
  for (const [name, file] of files) await copyFile(await store.localPath(file), join(draft, name));
  if (policy.optimizer !== null) await declareFloat32(join(draft, 'config.json'));
  await replaceFolder(draft, target);
}

/** What follows the target's name in that of a draft. */
const DRAFT = /^\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;
/** Longer than the largest of files takes to be copied. */
const ABANDONED_MS = 24 * 3_600_000;

/** What was there goes aside first: to remove it takes a while, in which another export may put its own there. */
async function replaceFolder(draft: string, target: string): Promise<void> {
  const before = `${target}.${randomUUID()}.tmp`;
  await rename(target, before).catch(ifAbsent(undefined));
  const replaced = await rename(draft, target).then(() => true, unless('ENOTEMPTY', 'EEXIST'));
  await rm(before, { recursive: true, force: true });
  if (!replaced) await replaceFolder(draft, target); // another export was faster
}

function unless(...codes: readonly string[]): (error: unknown) => false {
  return (error) => {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  };
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
