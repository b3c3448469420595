/** A model checkpoint that lies beside the golden files, as the engines open it. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { PolicyFiles } from '../../contracts/engine/engine.js';

export interface GoldenCheckpoint {
  readonly policy: PolicyFiles;
  /** Text of every token id. */
  readonly tokenTexts: readonly string[];
}

const tokenTextsFile = z.array(z.string());

/** @param directory Hugging Face layout: config.json, *.safetensors, token_texts.json */
export async function openCheckpoint(directory: string): Promise<GoldenCheckpoint> {
  const shards = (await readdir(directory)).filter((name) => name.endsWith('.safetensors')).sort();
  const weights = shards.map((name) => join(directory, name));
  return {
    policy: { id: await hashOf(weights), config: await readJson(join(directory, 'config.json')), weights },
    tokenTexts: tokenTextsFile.parse(await readJson(join(directory, 'token_texts.json'))),
  };
}

/** SHA-256 of the files' contents one after another. */
export async function hashOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(await readFile(path));
  return hash.digest('hex');
}

async function readJson(path: string): Promise<unknown> {
  const content: unknown = JSON.parse(await readFile(path, 'utf8'));
  return content;
}
