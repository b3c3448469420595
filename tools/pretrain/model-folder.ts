/** Folders in Hugging Face layout: reading one as a policy, making one. */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PolicyFiles } from '../../contracts/engine/engine.js';
import { initialWeights } from '../../policy/model/checkpoint/initialise.js';
import { InvalidCheckpoint } from '../../policy/model/checkpoint/invalid-checkpoint.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { encodeSafetensors } from '../../store/safetensors/safetensors.js';

const WEIGHTS = 'model.safetensors';
const ARCHITECTURE_FILES = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json'];

export async function readPolicy(folder: string): Promise<PolicyFiles> {
  const weights = path.join(folder, WEIGHTS);
  const config: unknown = JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8'));
  const id = createHash('sha256')
    .update(await readFile(weights))
    .digest('hex');
  return { id, config, weights: [weights] };
}

/** Random weights for the architecture's config.json. @throws InvalidCheckpoint */
export async function writeInitialModel(
  architecture: string,
  folder: string,
  seed: number,
): Promise<{ policy: PolicyFiles; parameters: number }> {
  await copyArchitecture(architecture, folder);
  const parsed = parseModelConfig(JSON.parse(await readFile(path.join(folder, 'config.json'), 'utf8')));
  if ('problems' in parsed) throw new InvalidCheckpoint(architecture, parsed.problems);
  const tensors = initialWeights(parsed.config, seed);
  await writeFile(path.join(folder, WEIGHTS), encodeSafetensors(tensors));
  const parameters = Object.values(tensors).reduce((sum, { data }) => sum + data.length, 0);
  return { policy: await readPolicy(folder), parameters };
}

export async function copyArchitecture(architecture: string, folder: string): Promise<void> {
  if (path.resolve(architecture) === path.resolve(folder)) return;
  await mkdir(folder, { recursive: true });
  for (const file of ARCHITECTURE_FILES) await copyFile(path.join(architecture, file), path.join(folder, file));
}

export async function writeModelCard(folder: string, card: string): Promise<void> {
  await writeFile(path.join(folder, 'README.md'), card);
}
