/**
 * A piece of the model as two graphs: one that computes it, and one that derives it from its inputs. A piece ends with its
 * matrix products, so that the second needs no product of the first again. The graphs are the same for every layer: weights
 * are inputs, named as in layer 0.
 */
import { dropDeadNodes } from '../../dead-nodes.js';
import { pulledBack } from '../../gradients.js';
import { type ElementType, Graph, type Shape, type Value } from '../../graph.js';
import { add, gemm, matMul, slice, transpose } from '../../operators.js';
import type { ModelConfig } from '../../../model/config.js';
import { parameterInputs, type ParameterValues, rowsOf } from '../../transformer/parameter-values.js';
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
  /** Parameters that it takes, or rows of them. */
  readonly parameters: readonly string[];
  /** Parameters, or rows of them, to whose gradient it adds: inputs `sumBefore`, outputs `gradientOf`. */
  readonly sums: readonly string[];
}

/** Name of the input with the gradient that a derived input gets from elsewhere. */
export const gradientBeside = (input: string): string => `beside ${input}`;

/** Outputs: the segment's results by name. */
export function forwardGraph(config: ModelConfig, segment: Segment): SegmentGraph {
  const { g, results, used } = built(config, segment);
  for (const [name, value] of Object.entries(results)) g.output(name, value);
  return { graph: g, parameters: [...used.keys()], sums: [] };
}

/**
 * Inputs besides the segment's own: the gradient of each result (`gradientOf`) and of each parameter what was summed
 * before (`sumBefore`). Outputs: gradients of the derived inputs, and the parameters' sums.
 */
export function backwardGraph(config: ModelConfig, segment: Segment, gradientRows: number): SegmentGraph {
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
  const sums = addSums(g, used, found.slice(derived.length), gradientRows);
  dropDeadNodes(g);
  return { graph: g, parameters: [...used.keys()], sums };
}

/**
 * Outputs of each parameter the sum before and its gradient; the one may be written over the other. The gradient of a matrix
 * is aᵀ b, where tokens are the rows of both. Products whose first factor is transposed within take longest, and those with
 * many more rows than columns next to it (`0006`). So the smaller of the two is transposed before: where that is a, the
 * product is added in the sum's memory; where it is b, some rows of the sum at a time, which the cache holds.
 *
 * @param gradientRows how many of them
 * @returns the parameters, or the rows of them, that it adds to
 */
export function addSums(
  g: Graph,
  used: ReadonlyMap<string, Value>,
  gradients: readonly Value[],
  gradientRows: number,
): string[] {
  const swap = (x: Value): Value => transpose(g, x, [1, 0]);
  const addTo = (name: string, shape: Shape, sum: (before: Value) => Value): string => {
    g.output(gradientOf(name), sum(g.input(sumBefore(name), 'float32', shape)));
    return name;
  };
  return [...used].flatMap(([name, { shape }], i) => {
    const factors = outerProduct(g, gradients[i]);
    if (!factors) return addTo(name, shape, (before) => add(g, gradients[i], before));
    const [a, b] = factors;
    const [rows, columns] = shape as readonly number[];
    if (rows <= columns) return addTo(name, shape, (before) => gemm(g, swap(a), b, before));
    const turned = swap(b);
    return Array.from({ length: Math.ceil(rows / gradientRows) }, (_, part) => {
      const [from, to] = [part * gradientRows, Math.min(rows, (part + 1) * gradientRows)];
      const own = to - from === rows ? a : slice(g, a, g.int64s([from]), g.int64s([to]), 1, to - from);
      const product = (before: Value): Value => add(g, swap(matMul(g, turned, own)), before);
      return addTo(rowsOf(name, from, to), [to - from, columns], product);
    });
  });
}

/** a and b where the value is aᵀ b */
function outerProduct(g: Graph, value: Value): readonly [Value, Value] | undefined {
  const node = g.nodes.find(({ outputs }) => outputs.includes(value));
  if (node?.opType !== 'FusedMatMul') return undefined;
  const { transA, transB, alpha } = node.attributes;
  if (transA !== 1n || transB !== 0n || alpha !== 1) return undefined;
  const [a, b] = node.inputs as readonly [Value, Value];
  return a.shape.length === 2 && b.shape.length === 2 ? [a, b] : undefined;
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
