/**
 * A piece of the model as two graphs: one that computes it, and one that derives it from its inputs. A piece ends with its
 * matrix products, so that the second needs no product of the first again. The graphs are the same for every layer: weights
 * are inputs, named as in layer 0.
 */
import { dropDeadNodes } from '../../dead-nodes.js';
import { pulledBack } from '../../gradients.js';
import { type ElementType, Graph, type GraphNode, type Shape, type Value } from '../../graph.js';
import { add, gemm, matMul, transpose } from '../../operators.js';
import type { ModelConfig } from '../../../model/config.js';
import { parameterInputs, type ParameterValues } from '../../transformer/parameter-values.js';
import { gradientOf, sumBefore } from '../training-graph.js';

export interface SegmentInput {
  readonly type: ElementType;
  readonly shape: Shape;
  /** Its gradient is wanted: by itself, or with what it gets beside this piece added (`gradientBeside`). */
  readonly derived?: 'alone' | 'with beside';
}

export interface Segment {
  readonly inputs: Readonly<Record<string, SegmentInput>>;
  readonly build: (
    g: Graph,
    input: (name: string) => Value,
    parameter: ParameterValues,
  ) => Readonly<Record<string, Value>>;
}

export interface SegmentGraph {
  readonly graph: Graph;
  /** Parameters that it takes, in the order of `parameters`. */
  readonly parameters: readonly string[];
}

/** Name of the input with the gradient that a derived input gets from elsewhere. */
export const gradientBeside = (input: string): string => `beside ${input}`;

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
  const { g, inputs, results, used } = built(config, segment);
  const given = new Map(
    Object.entries(results).map(([name, value]) => [value, g.input(gradientOf(name), value.type, value.shape)]),
  );
  const derived = Object.keys(segment.inputs).filter((name) => segment.inputs[name].derived);
  const wrt = [...derived.map((name) => inputs.get(name)!), ...used.values()];
  const found = pulledBack(g, given, wrt);
  derived.forEach((name, i) => {
    const { type, shape, derived: how } = segment.inputs[name];
    const own = found[i];
    g.output(gradientOf(name), how === 'alone' ? own : add(g, own, g.input(gradientBeside(name), type, shape)));
  });
  addSums(g, used, found.slice(derived.length));
  dropDeadNodes(g);
  return { graph: g, parameters: [...used.keys()] };
}

/** Outputs of each parameter the sum before and its gradient; the one may be written over the other. */
export function addSums(g: Graph, used: ReadonlyMap<string, Value>, gradients: readonly Value[]): void {
  [...used].forEach(([name, { shape }], i) => {
    g.output(gradientOf(name), added(g, gradients[i], g.input(sumBefore(name), 'float32', shape)));
  });
}

/**
 * aᵀ b, where tokens are the rows of both. Products whose first factor is transposed within take longest, and those with many
 * more rows than columns next to it (`0006`). So the smaller of the two is transposed before: where that is a, the product is
 * added in the sum's memory.
 */
function added(g: Graph, gradient: Value, sum: Value): Value {
  const product = g.nodes.find(({ outputs }) => outputs.includes(gradient));
  if (!product || !isOuterProduct(product)) return add(g, gradient, sum);
  const [a, b] = product.inputs as readonly [Value, Value];
  const [rows, columns] = gradient.shape as readonly number[];
  const swap = (x: Value): Value => transpose(g, x, [1, 0]);
  return rows > columns ? add(g, swap(matMul(g, swap(b), a)), sum) : gemm(g, swap(a), b, sum);
}

/** aᵀ b */
function isOuterProduct({ opType, inputs, attributes: { transA, transB, alpha } }: GraphNode): boolean {
  if (opType !== 'FusedMatMul' || transA !== 1n || transB !== 0n || alpha !== 1) return false;
  return inputs.every((factor) => factor?.shape.length === 2);
}

function built(config: ModelConfig, segment: Segment) {
  const g = new Graph();
  const inputs = new Map(
    Object.entries(segment.inputs).map(([name, { type, shape }]) => [name, g.input(name, type, shape)]),
  );
  const { used, parameter } = parameterInputs(g, config);
  const results = segment.build(g, (name) => inputs.get(name)!, parameter);
  return { g, inputs, results, used };
}
