/**
 * A piece of the model as two graphs: one that computes it, and one that computes it again and derives it.
 *
 * Within one graph onnxruntime would find that the second computation equals the first and keep its results instead
 * (common-subexpression elimination); so recomputation needs graphs of its own. They are the same for every layer: weights
 * are inputs, named as in layer 0.
 */
import { dropDeadNodes } from '../../onnx/dead-nodes.js';
import { Composites, pulledBack } from '../../onnx/gradients.js';
import { type ElementType, Graph, type Shape, type Value } from '../../onnx/graph.js';
import { add } from '../../onnx/operators.js';
import type { ModelConfig } from '../../transformer/config.js';
import type { ParameterValues } from '../../transformer/layers.js';
import { parameterInputs } from '../../transformer/parameter-inputs.js';
import { gradientOf, sumBefore } from '../training-graph.js';

export interface SegmentInput {
  readonly type: ElementType;
  readonly shape: Shape;
  /** Its gradient is wanted. */
  readonly derived?: boolean;
}

export interface Segment {
  readonly inputs: Readonly<Record<string, SegmentInput>>;
  readonly build: (
    g: Graph,
    input: (name: string) => Value,
    parameter: ParameterValues,
    composites: Composites,
  ) => Readonly<Record<string, Value>>;
}

export interface SegmentGraph {
  readonly graph: Graph;
  /** Parameters that it takes, in the order of `parameters`. */
  readonly parameters: readonly string[];
}

/** Outputs: the segment's results by name. */
export function forwardGraph(config: ModelConfig, segment: Segment): SegmentGraph {
  const { g, results, used } = built(config, segment);
  for (const [name, value] of Object.entries(results)) g.output(name, value);
  return { graph: g, parameters: [...used.keys()] };
}

/**
 * Inputs besides the segment's own: the gradient of each result (`gradientOf`) and of each parameter what was summed
 * before (`sumBefore`). Outputs: gradients of the derived inputs, and the parameters' sums.
 */
export function backwardGraph(config: ModelConfig, segment: Segment): SegmentGraph {
  const { g, inputs, results, used, composites } = built(config, segment);
  const given = new Map(
    Object.entries(results).map(([name, value]) => [value, g.input(gradientOf(name), value.type, value.shape)]),
  );
  const derived = Object.keys(segment.inputs).filter((name) => segment.inputs[name].derived);
  const wrt = [...derived.map((name) => inputs.get(name)!), ...used.values()];
  const found = pulledBack(g, given, wrt, composites);
  derived.forEach((name, i) => g.output(gradientOf(name), found[i]));
  addSums(g, used, found.slice(derived.length));
  dropDeadNodes(g);
  return { graph: g, parameters: [...used.keys()] };
}

/** Outputs of each parameter the sum before and its gradient; the one may be written over the other. */
export function addSums(g: Graph, used: ReadonlyMap<string, Value>, gradients: readonly Value[]): void {
  [...used].forEach(([name, { shape }], i) => {
    g.output(gradientOf(name), add(g, gradients[i], g.input(sumBefore(name), 'float32', shape)));
  });
}

function built(config: ModelConfig, segment: Segment) {
  const g = new Graph();
  const composites = new Composites(g);
  const inputs = new Map(
    Object.entries(segment.inputs).map(([name, { type, shape }]) => [name, g.input(name, type, shape)]),
  );
  const { used, parameter } = parameterInputs(g, config);
  const results = segment.build(g, (name) => inputs.get(name)!, parameter, composites);
  return { g, inputs, results, used, composites };
}
