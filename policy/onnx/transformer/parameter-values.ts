/**
 * A model's parameters in one graph: as constants, or as inputs, so that one graph serves every layer. Inputs are named as in
 * layer 0, and each run is given a layer's. Some rows of a parameter are a piece of its memory, and can be asked for as well.
 */
import type { Graph, Value } from '../graph.js';
import type { HostTensor } from '../host-tensor.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeWeights } from '../../model/large.js';
import { sizeOf } from '../../model/parameter-list.js';
import { parameters, type Weights } from '../../model/parameters.js';

/** By name: `layer3.down`, or `rowsOf` it. */
export type ParameterValues = (name: string) => Value;

/** Name of the rows [from, to) of a parameter, or of those rows of it that the name stands for. */
export function rowsOf(parameter: string, from: number, to: number): string {
  const { name, start = 0 } = named(parameter);
  return `${name}:${start + from}-${start + to}`;
}

/**
 * Weights as constants: onnxruntime packs them once, and packed products have bits independent of threads and rows. Those
 * of a large model can be bound instead, so that all sessions share them; its matrices are wide enough for the same bits.
 */
export function constantParameters(
  g: Graph,
  config: ModelConfig,
  weights: Weights,
  packed = !hasLargeWeights(config),
): ParameterValues {
  const tensor = parameterTensors(config);
  return onceEach((name) => {
    const { dims, data } = tensor(weights, name);
    return packed ? g.initializer(name, 'float32', dims, data) : g.boundInput(name, 'float32', dims, data);
  }).parameter;
}

/** They become inputs when they are asked for. */
export function parameterInputs(
  g: Graph,
  config: ModelConfig,
): { used: ReadonlyMap<string, Value>; parameter: ParameterValues } {
  const shapeOf = shapes(config);
  return onceEach((name) => g.input(name, 'float32', shapeOf(name)));
}

/** Name of the parameter that takes the place of layer 0's. */
export function inLayer(layer: number, parameter: string): string {
  return parameter.replace(/^layer0\./, `layer${layer}.`);
}

/** What a parameter, or rows of one, hold: seen and not copied. */
export function parameterTensors(
  config: ModelConfig,
): (values: Weights, name: string) => HostTensor & { data: Float32Array } {
  const shapeOf = shapes(config);
  return (values, asked) => {
    const { name, start = 0 } = named(asked);
    const dims = shapeOf(asked);
    const width = sizeOf(dims.slice(1));
    return { type: 'float32', data: values.get(name)!.subarray(start * width, (start + dims[0]) * width), dims };
  };
}

function onceEach(make: ParameterValues): { used: ReadonlyMap<string, Value>; parameter: ParameterValues } {
  const used = new Map<string, Value>();
  const parameter = (name: string): Value => {
    const value = used.get(name) ?? make(name);
    used.set(name, value);
    return value;
  };
  return { used, parameter };
}

function shapes(config: ModelConfig): (name: string) => readonly number[] {
  const ofWhole = new Map(parameters(config).map(({ name, shape }) => [name, shape]));
  return (asked) => {
    const { name, start = 0, end } = named(asked);
    const [rows, ...rest] = ofWhole.get(name)!;
    return [(end ?? rows) - start, ...rest];
  };
}

function named(asked: string): { readonly name: string; readonly start?: number; readonly end?: number } {
  const [name, rows] = asked.split(':');
  if (rows === undefined) return { name };
  const [start, end] = rows.split('-').map(Number);
  return { name, start, end };
}
