/** Weights of a policy from its safetensors files, in our layout. */
import type { PolicyFiles } from '../../contracts/engine.js';
import { SafetensorsFile } from '../../store/safetensors-file.js';
import type { ModelConfig } from '../qwen2/config.js';
import { fromHuggingFace, toHuggingFaceShapes } from '../qwen2/parameters.js';
import { InvalidCheckpoint } from './invalid-checkpoint.js';
import { parseModelConfig } from './model-config.js';

export interface LoadedWeights {
  readonly config: ModelConfig;
  readonly weights: Map<string, Float32Array>;
}

/** @throws InvalidCheckpoint, CheckpointDamaged */
export async function loadWeights(files: PolicyFiles): Promise<LoadedWeights> {
  const parsed = parseModelConfig(files.config);
  if ('problems' in parsed) throw new InvalidCheckpoint(files.id, parsed.problems);
  const { config } = parsed;
  const tensors = new Map<string, Float32Array>();
  const wanted = new Set(toHuggingFaceShapes(config).keys());
  for (const path of files.weights) {
    const file = await SafetensorsFile.open(path);
    try {
      for (const name of file.header.tensors.keys()) {
        if (wanted.has(name)) tensors.set(name, Float32Array.from((await file.read(name)) as Float32Array));
      }
    } finally {
      await file.close();
    }
  }
  const missing = [...wanted].filter((name) => !tensors.has(name));
  if (missing.length > 0) {
    throw new InvalidCheckpoint(
      files.id,
      missing.map((path) => ({ path, problem: 'tensor is missing' })),
    );
  }
  return { config, weights: fromHuggingFace(config, (name) => tensors.get(name)!) };
}
