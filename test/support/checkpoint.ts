/** A checkpoint with the shipped tokenizer and random weights. */
import { copyFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { initialWeights } from '../../policy/model/checkpoint/initialise.js';
import { parseModelConfig } from '../../policy/model/checkpoint/model-config.js';
import { writeSafetensors } from '../../store/safetensors/file.js';

const SHIPPED = new URL('../../models/straight-line/', import.meta.url);

/** Two layers of the shipped model's shape: small, and valid. */
export async function writeCheckpoint(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(SHIPPED)) {
    if (name.endsWith('.json')) await copyFile(new URL(name, SHIPPED), join(folder, name));
  }
  const json = {
    ...(JSON.parse(await readFile(new URL('config.json', SHIPPED), 'utf8')) as object),
    num_hidden_layers: 1,
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(json));
  const parsed = parseModelConfig(json);
  if ('problems' in parsed) throw new Error('the shipped config.json does not parse');
  await writeSafetensors(join(folder, 'model.safetensors'), initialWeights(parsed.config, 1));
  return folder;
}
