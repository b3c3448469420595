/** Weights of a policy from its safetensors files, in our layout. */
import type { PolicyFiles } from '../../../contracts/engine/engine.js';
import { SafetensorsFile } from '../../../store/safetensors/file.js';
import type { ModelLimits } from '../../limits.js';
import type { ModelConfig } from '../config.js';
import { assembled, parameters, toHuggingFaceShapes } from '../parameters.js';
import { type Parameter, sizeOf } from '../parameter-list.js';
import { InvalidCheckpoint } from './invalid-checkpoint.js';
import { parseModelConfig } from './model-config.js';

/** Of parameters, side by side: the disk and the system's cache work for one while another's numbers are made. */
const READERS = 2;

/** Numbers of the memory that parameters lie in one behind another: they share large pages, so the system has fewer to find and to clear. */
const STRETCH = 2 ** 26;

export interface LoadedWeights {
  readonly config: ModelConfig;
  readonly weights: Map<string, Float32Array>;
}

/**
 * Tensor by tensor, so that the model is never there twice.
 * @param limits by which it is handled; left out: `LIMITS`
 * @throws InvalidCheckpoint, CheckpointDamaged
 */
export async function loadWeights(files: PolicyFiles, limits?: ModelLimits): Promise<LoadedWeights> {
  const parsed = parseModelConfig(files.config);
  if ('problems' in parsed) throw new InvalidCheckpoint(files.id, parsed.problems);
  const config = limits ? { ...parsed.config, limits } : parsed.config;
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
    const shapes = toHuggingFaceShapes(config);
    const read = (name: string, into: Float32Array): Promise<void> => fileOf.get(name)!.readInto(name, into);
    const all = parameters(config);
    const values = memoryFor(all);
    const left = all.entries();
    const largest = Math.max(0, ...all.filter(({ transposed }) => transposed).map(({ shape }) => sizeOf(shape)));
    const reader = async (): Promise<void> => {
      // What is transposed is read into the same memory, one after another.
      const scratch = new Float32Array(largest);
      for (const [i, parameter] of left)
        await readParameter(parameter, values[i], scratch, (name) => sizeOf(shapes.get(name)!), read);
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    return { config, weights: new Map(all.map(({ name }, i) => [name, values[i]])) };
  } finally {
    for (const file of opened) await file.close();
  }
}

/** One for each, in stretches; what does not fit into one any more begins the next, and its rest is never touched. */
function memoryFor(all: readonly Parameter[]): Float32Array[] {
  const sizes = all.map(({ shape }) => sizeOf(shape));
  let left = sizes.reduce((sum, size) => sum + size, 0);
  let free = new Float32Array();
  return sizes.map((size) => {
    if (free.length < size) free = new Float32Array(Math.max(size, Math.min(left, STRETCH)));
    left -= size;
    const value = free.subarray(0, size);
    free = free.subarray(size);
    return value;
  });
}

/** Its tensors one behind another, or transposed. @param scratch for what is then transposed */
async function readParameter(
  parameter: Parameter,
  value: Float32Array,
  scratch: Float32Array,
  size: (tensor: string) => number,
  read: (tensor: string, into: Float32Array) => Promise<void>,
): Promise<void> {
  const all = parameter.transposed ? scratch : value;
  const parts: Float32Array[] = [];
  let start = 0;
  for (const { name } of parameter.from) {
    const part = all.subarray(start, (start += size(name)));
    await read(name, part);
    parts.push(part);
  }
  if (parameter.transposed) assembled(parameter, parts, value);
}
