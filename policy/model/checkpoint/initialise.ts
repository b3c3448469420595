/**
 * Random weights to train from: matrices from a normal distribution of deviation 0.02 (as Qwen2's `initializer_range`),
 * biases 0, norms 1. A tensor depends on the seed and its name alone.
 */
import { createHash } from 'node:crypto';
import { openStream, Purpose, wordAt } from '../../../algorithm/random.js';
import type { ModelConfig } from '../config.js';
import { toHuggingFaceShapes } from '../parameters.js';

const DEVIATION = 0.02;

/** By Hugging Face names, in their layout ([out, in]), row by row. */
export type NamedTensors = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;

export function initialWeights(config: ModelConfig, seed: number): NamedTensors {
  const shapes = [...toHuggingFaceShapes(config)];
  return Object.fromEntries(shapes.map(([name, shape]) => [name, { shape, data: initialTensor(name, shape, seed) }]));
}

/** @param name decides what it holds: a norm's scale, a bias, or else a matrix */
export function initialTensor(name: string, shape: readonly number[], seed: number): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1);
  if (name.endsWith('norm.weight')) return new Float32Array(size).fill(1);
  if (name.endsWith('.bias')) return new Float32Array(size);
  const address = createHash('sha256').update(name).digest();
  const stream = openStream(seed, Purpose.initialWeights, [address.readUInt32BE(0), address.readUInt32BE(4)]);
  return Float32Array.from(
    { length: size },
    (_, i) => DEVIATION * normal(wordAt(stream, 2 * i), wordAt(stream, 2 * i + 1)),
  );
}

/** Box-Muller; the first word is kept off 0, whose logarithm is infinite. */
function normal(first: number, second: number): number {
  return Math.sqrt(-2 * Math.log((first + 0.5) / 2 ** 32)) * Math.cos((2 * Math.PI * second) / 2 ** 32);
}
