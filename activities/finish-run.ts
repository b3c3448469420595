import { copyFile, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlActivities } from '../contracts/activities.js';
import type { PolicyArtifact } from '../contracts/policy-artifact.js';
import { beating } from './beat.js';
import { getJson, readManifest } from './io.js';
import { runFolder } from './run-folder.js';
import type { Services } from './services.js';

type FinishRun = ControlActivities['finishRun'];

/** Writes the trained policy as a Hugging Face directory, and the run's result, into the run's folder. */
export const finishRun =
  (services: Services): FinishRun =>
  async ({ run, manifest, policy, evaluations }) => {
    const folder = runFolder(services, run);
    const modelFolder = join(folder, 'model');
    await beating(
      'write the trained model',
      exportPolicy(services, await getJson(services.store, policy), modelFolder),
    );
    const { config, evaluationSets } = await readManifest(services.store, manifest);
    const result = { run, manifest: manifest.sha256, policy: policy.sha256, config, evaluationSets, evaluations };
    await writeFile(join(folder, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
    return { modelFolder, runFolder: folder };
  };

/** All files under their names beside the target first, then one rename: the folder is there whole or not at all. */
async function exportPolicy({ store }: Services, policy: PolicyArtifact, target: string): Promise<void> {
  const draft = `${target}.${process.pid}.tmp`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  const files = [...Object.entries(policy.files), ...policy.weights.map(({ name, ref }) => [name, ref] as const)];
  for (const [name, ref] of files) await copyFile(await store.localPath(ref), join(draft, name));
  await rm(target, { recursive: true, force: true });
  await rename(draft, target);
}
