/**
 * A model's parameters in one graph: as constants, or as inputs, so that one graph serves every layer. Inputs are named as in
 * layer 0, and each run is given a layer's. Half of a parameter's rows is a piece of its memory, and can be asked for as well.
 */
import type { Graph, Value } from '../graph.js';
import type { HostTensor } from '../host-tensor.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeWeights } from '../../model/large.js';
import { parameters, type Weights } from '../../model/parameters.js';

/** By name: `layer3.down`, or `halfOf` it. */
export type ParameterValues = (name: string) => Value;

/** Name of the first (0) or second (1) half of a parameter's rows. */
export const halfOf = (parameter: string, half: 0 | 1): string => `${parameter}:${half}`;

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

/** What a parameter, or half of one, holds: seen and not copied. */
export function parameterTensors(
  config: ModelConfig,
): (values: Weights, name: string) => HostTensor & { data: Float32Array } {
  const shapeOf = shapes(config);
  return (values, asked) => {
    const { name, half } = named(asked);
    const whole = values.get(name)!;
    const size = whole.length / 2;
    const data = half === undefined ? whole : whole.subarray(half * size, (half + 1) * size);
    return { type: 'float32', data, dims: shapeOf(asked) };
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
    const { name, half } = named(asked);
    const [rows, ...rest] = ofWhole.get(name)!;
    return half === undefined ? [rows, ...rest] : [rows / 2, ...rest];
  };
}

function named(parameter: string): { readonly name: string; readonly half: number | undefined } {
  const [name, half] = parameter.split(':');
  return { name, half: half === undefined ? undefined : Number(half) };
}
