/** Parameters as inputs, so that one graph serves every layer: they are named as in layer 0, and each run is given a layer's. */
import type { Graph, Value } from '../onnx/graph.js';
import type { ModelConfig } from './config.js';
import type { ParameterValues } from './layers.js';
import { parameters } from './parameters.js';

/** Parameters become inputs when they are asked for. */
export function parameterInputs(
  g: Graph,
  config: ModelConfig,
): { used: Map<string, Value>; parameter: ParameterValues } {
  const shapes = new Map(parameters(config).map(({ name, shape }) => [name, shape]));
  const used = new Map<string, Value>();
  const parameter = (name: string): Value => {
    const value = used.get(name) ?? g.input(name, 'float32', shapes.get(name)!);
    used.set(name, value);
    return value;
  };
  return { used, parameter };
}

/** Name of the parameter that takes the place of layer 0's. */
export function inLayer(layer: number, parameter: string): string {
  return parameter.replace(/^layer0\./, `layer${layer}.`);
}
