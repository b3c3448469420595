/** Looks at a Hugging Face checkpoint directory before any work: config.json and the headers of its safetensors. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsFile } from '../../../store/safetensors/file.js';
import { CheckpointDamaged, type TensorInfo } from '../../../store/safetensors/header.js';
import type { ModelConfig } from '../config.js';
import { toHuggingFaceShapes } from '../parameters.js';
import { type CheckpointProblem as Problem, InvalidCheckpoint } from './invalid-checkpoint.js';
import { parseModelConfig } from './model-config.js';

export interface CheckpointInfo {
  readonly config: ModelConfig;
  /** Contents of config.json. */
  readonly configJson: unknown;
  /** Paths of the safetensors files. */
  readonly weights: readonly string[];
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
  const found = await tensorsOf(directory, weights, problems);
  if (parsed && 'config' in parsed && found) {
    problems.push(...misfits(parsed.config, found));
    if (parsed.config.tiedHead && problems.length === 0) problems.push(...(await ownHead(found)));
  }
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
      problem: `cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
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

interface FoundTensor extends TensorInfo {
  readonly file: string;
}

async function tensorsOf(
  directory: string,
  names: readonly string[],
  problems: Problem[],
): Promise<Map<string, FoundTensor> | undefined> {
  const tensors = new Map<string, FoundTensor>();
  for (const name of names) {
    try {
      const file = await SafetensorsFile.open(join(directory, name));
      for (const [name, info] of file.header.tensors) tensors.set(name, { ...info, file: file.path });
      await file.close();
    } catch (error) {
      if (!(error instanceof CheckpointDamaged)) throw error;
      problems.push(...error.problems.map((problem) => ({ path: name, problem })));
      return undefined;
    }
  }
  return names.length > 0 ? tensors : undefined;
}

const FORMATS: readonly string[] = ['F32', 'F16', 'BF16'];
/** The head of a tied model stands for its embedding; old Llama files hold the frequencies that config.json gives. */
const REDUNDANT = [/^lm_head\.weight$/, /\.rotary_emb\.inv_freq$/];

const HEAD = 'lm_head.weight';
const EMBEDDING = 'model.embed_tokens.weight';

/** A head that is said to be the embedding, and is another matrix: one of the two would be dropped without a word. */
async function ownHead(found: ReadonlyMap<string, FoundTensor>): Promise<Problem[]> {
  const [head, embedding] = [found.get(HEAD), found.get(EMBEDDING)];
  if (!head || !embedding) return [];
  const files: SafetensorsFile[] = [];
  try {
    for (const { file } of [head, embedding]) files.push(await SafetensorsFile.open(file));
    if (await files[0].equals(HEAD, files[1], EMBEDDING)) return [];
  } finally {
    for (const file of files) await file.close();
  }
  const problem = `is not ${EMBEDDING}, though config.json says tie_word_embeddings: set that to false to use it`;
  return [{ path: HEAD, problem }];
}

function misfits(config: ModelConfig, found: ReadonlyMap<string, TensorInfo>): Problem[] {
  const problems: Problem[] = [];
  const shapes = toHuggingFaceShapes(config);
  for (const [path, shape] of shapes) {
    const actual = found.get(path);
    if (!actual) problems.push({ path, problem: 'tensor is missing' });
    else if (actual.shape.join() !== shape.join()) {
      const problem = `has shape [${actual.shape.join(', ')}], config.json asks for [${shape.join(', ')}]`;
      problems.push({ path, problem });
    } else if (!FORMATS.includes(actual.dtype)) {
      problems.push({ path, problem: `is stored as ${actual.dtype}; supported: ${FORMATS.join(', ')}` });
    }
  }
  for (const path of found.keys()) {
    if (shapes.has(path) || REDUNDANT.some((pattern) => pattern.test(path))) continue;
    problems.push({ path, problem: 'tensor has no place in the model that config.json describes' });
  }
  return problems;
}
