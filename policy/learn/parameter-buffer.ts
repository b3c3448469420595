/** One value per parameter of the model in one array, and views of it by parameter: passes over all of them are one loop. */
import type { ModelConfig } from '../qwen2/config.js';
import { parameters, type Weights } from '../qwen2/parameters.js';

export interface ParameterBuffer {
  readonly all: Float32Array;
  /** In the order of `parameters`. */
  readonly views: ReadonlyMap<string, Float32Array>;
}

export function parameterBuffer(config: ModelConfig, values?: Weights): ParameterBuffer {
  const list = parameters(config).map(({ name, shape }) => ({ name, size: shape.reduce((a, b) => a * b, 1) }));
  const all = new Float32Array(list.reduce((sum, { size }) => sum + size, 0));
  const views = new Map<string, Float32Array>();
  let offset = 0;
  for (const { name, size } of list) {
    const view = all.subarray(offset, offset + size);
    if (values) view.set(values.get(name)!);
    views.set(name, view);
    offset += size;
  }
  return { all, views };
}
