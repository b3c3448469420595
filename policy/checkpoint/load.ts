/** Weights of a policy from its safetensors files, in our layout. */
import type { PolicyFiles } from '../../contracts/engine.js';
import { SafetensorsFile } from '../../store/safetensors-file.js';
import type { ModelConfig } from '../transformer/config.js';
import { assembled, parameters, toHuggingFaceShapes } from '../transformer/parameters.js';
import { InvalidCheckpoint } from './invalid-checkpoint.js';
import { parseModelConfig } from './model-config.js';

export interface LoadedWeights {
  readonly config: ModelConfig;
  readonly weights: Map<string, Float32Array>;
}

/** Tensor by tensor, so that the model is never there twice. @throws InvalidCheckpoint, CheckpointDamaged */
export async function loadWeights(files: PolicyFiles): Promise<LoadedWeights> {
  const parsed = parseModelConfig(files.config);
  if ('problems' in parsed) throw new InvalidCheckpoint(files.id, parsed.problems);
  const { config } = parsed;
  const opened: SafetensorsFile[] = [];
  try {
    for (const path of files.weights) opened.push(await SafetensorsFile.open(path));
    const fileOf = new Map(opened.flatMap((file) => [...file.header.tensors.keys()].map((name) => [name, file])));
    const missing = [...toHuggingFaceShapes(config).keys()].filter((name) => !fileOf.has(name));
    if (missing.length > 0) {
      throw new InvalidCheckpoint(
        files.id,
        missing.map((path) => ({ path, problem: 'tensor is missing' })),
      );
    }
    const weights = new Map<string, Float32Array>();
    for (const parameter of parameters(config)) {
      const sources: Float32Array[] = [];
      for (const { name } of parameter.from) sources.push(await asFloats(fileOf.get(name)!, name));
      const whole = parameter.from.length === 1 && !parameter.transposed;
      weights.set(parameter.name, whole ? sources[0] : assembled(parameter, sources));
    }
    return { config, weights };
  } finally {
    for (const file of opened) await file.close();
  }
}

async function asFloats(file: SafetensorsFile, name: string): Promise<Float32Array> {
  const values = await file.read(name);
  return values instanceof Float32Array ? values : Float32Array.from(values as Float64Array);
}
