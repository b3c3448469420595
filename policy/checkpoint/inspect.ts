/** Looks at a Hugging Face checkpoint directory before any work: config.json and the headers of its safetensors. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile } from '../../store/safetensors-file.js';
import { CheckpointDamaged } from '../../store/safetensors-header.js';
import type { ModelConfig } from '../qwen2/config.js';
import { toHuggingFaceShapes } from '../qwen2/parameters.js';
import { InvalidCheckpoint } from './invalid-checkpoint.js';
import { parseModelConfig } from './model-config.js';

export interface CheckpointInfo {
  readonly config: ModelConfig;
  /** Contents of config.json. */
  readonly configJson: unknown;
  /** Paths of the safetensors files. */
  readonly weights: readonly string[];
}

interface Problem {
  readonly path: string;
  readonly problem: string;
}

/** @throws InvalidCheckpoint with all problems found */
export async function inspectCheckpoint(directory: string): Promise<CheckpointInfo> {
  const problems: Problem[] = [];
  const configJson = await readJson(directory, 'config.json', problems);
  const parsed = configJson === undefined ? undefined : parseModelConfig(configJson);
  if (parsed && 'problems' in parsed) {
    problems.push(...parsed.problems.map(({ path, problem }) => ({ path: `config.json ${path}`, problem })));
  }
  const weights = await weightFiles(directory, problems);
  const found = await tensorShapes(directory, weights, problems);
  if (parsed && 'config' in parsed && found) problems.push(...misfits(parsed.config, found));
  if (problems.length > 0 || !parsed || 'problems' in parsed) throw new InvalidCheckpoint(directory, problems);
  return { config: parsed.config, configJson, weights: weights.map((name) => join(directory, name)) };
}

async function readJson(directory: string, name: string, problems: Problem[]): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(join(directory, name), 'utf8');
  } catch (error) {
    problems.push({
      path: name,
      problem: `can not be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
    });
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    problems.push({ path: name, problem: `is not JSON: ${(error as Error).message}` });
    return undefined;
  }
}

/** `model.safetensors`, or the shards that the index names. */
async function weightFiles(directory: string, problems: Problem[]): Promise<string[]> {
  const files = new Set(await readdir(directory).catch(() => []));
  const index = 'model.safetensors.index.json';
  if (!files.has(index)) {
    if (files.has('model.safetensors')) return ['model.safetensors'];
    problems.push({ path: 'model.safetensors', problem: `missing, and there is no ${index}` });
    return [];
  }
  const json = (await readJson(directory, index, problems)) as { weight_map?: Record<string, string> } | undefined;
  if (!json) return [];
  const shards = [...new Set(Object.values(json.weight_map ?? {}))].sort();
  if (shards.length === 0) problems.push({ path: index, problem: 'names no files (weight_map)' });
  for (const shard of shards.filter((name) => !files.has(name))) {
    problems.push({ path: shard, problem: `missing, though ${index} names it` });
  }
  return shards.filter((name) => files.has(name));
}

async function tensorShapes(
  directory: string,
  names: readonly string[],
  problems: Problem[],
): Promise<Map<string, readonly number[]> | undefined> {
  const shapes = new Map<string, readonly number[]>();
  for (const name of names) {
    try {
      const file = await SafetensorsFile.open(join(directory, name));
      for (const [tensor, { shape }] of file.header.tensors) shapes.set(tensor, shape);
      await file.close();
    } catch (error) {
      if (!(error instanceof CheckpointDamaged)) throw error;
      problems.push(...error.problems.map((problem) => ({ path: name, problem })));
      return undefined;
    }
  }
  return names.length > 0 ? shapes : undefined;
}

function misfits(config: ModelConfig, found: ReadonlyMap<string, readonly number[]>): Problem[] {
  const problems: Problem[] = [];
  for (const [name, shape] of toHuggingFaceShapes(config)) {
    const actual = found.get(name);
    if (!actual) problems.push({ path: name, problem: 'tensor is missing' });
    else if (actual.join() !== shape.join()) {
      problems.push({
        path: name,
        problem: `has shape [${actual.join(', ')}], config.json asks for [${shape.join(', ')}]`,
      });
    }
  }
  return problems;
}
