/** Parameters as inputs, so that one graph serves every layer: they are named as in layer 0, and each run is given a layer's. */
import type { Graph, Value } from '../onnx/graph.js';
import type { HostTensor } from '../onnx/host-tensor.js';
import type { ModelConfig } from './config.js';
import type { ParameterValues } from './layers.js';
import { parameters, type Weights } from './parameters.js';

/** Name of the input with the first (0) or second (1) half of a parameter's rows. */
export const halfOf = (parameter: string, half: 0 | 1): string => `${parameter}:${half}`;

/** Parameters, or halves of them, become inputs when they are asked for. */
export function parameterInputs(
  g: Graph,
  config: ModelConfig,
): { used: Map<string, Value>; parameter: ParameterValues } {
  const shapeOf = inputShapes(config);
  const used = new Map<string, Value>();
  const parameter = (name: string): Value => {
    const value = used.get(name) ?? g.input(name, 'float32', shapeOf(name));
    used.set(name, value);
    return value;
  };
  return { used, parameter };
}

/** Name of the parameter that takes the place of layer 0's. */
export function inLayer(layer: number, parameter: string): string {
  return parameter.replace(/^layer0\./, `layer${layer}.`);
}

/** What an input of that name gets, seen and not copied. */
export function inputTensors(config: ModelConfig): (values: Weights, input: string) => HostTensor {
  const shapeOf = inputShapes(config);
  return (values, input) => {
    const { name, half } = named(input);
    const whole = values.get(name)!;
    const size = whole.length / 2;
    const data = half === undefined ? whole : whole.subarray(half * size, (half + 1) * size);
    return { type: 'float32', data, dims: shapeOf(input) };
  };
}

function inputShapes(config: ModelConfig): (input: string) => readonly number[] {
  const shapes = new Map(parameters(config).map(({ name, shape }) => [name, shape]));
  return (input) => {
    const { name, half } = named(input);
    const [rows, ...rest] = shapes.get(name)!;
    return half === undefined ? [rows, ...rest] : [rows / 2, ...rest];
  };
}

function named(input: string): { readonly name: string; readonly half: number | undefined } {
  const [name, half] = input.split(':');
  return { name, half: half === undefined ? undefined : Number(half) };
}
