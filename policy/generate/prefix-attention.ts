/**
 * The part of attention that looks back beyond the chunk, the same operators in decode and prefill.
 *
 * Each query is a matrix-vector product of its own: read once, keys and values are not packed for a product that would use
 * them twice. Siblings that share a prefix (axis of one in the inputs) read one copy of it. Bits do not depend on either.
 */
import type { Graph, Value } from '../onnx/graph.js';
import { concat, div, matMul } from '../onnx/operators.js';
import type { ModelConfig } from '../transformer/config.js';

/** Inputs as `Slots.feeds` gives them; G = groups of siblings (or rows), P = prefix positions. */
export interface PrefixLayer {
  readonly keys: Value /* [G, 1, kvHeads, 1, P, headSize] */;
  readonly values: Value /* [G, 1, kvHeads, 1, P, headSize] */;
}

export interface PrefixAttention {
  readonly layers: readonly PrefixLayer[];
  /** Queries [rows, kvHeads, Q, headSize], scaled -> scores [rows, kvHeads, Q, P]. */
  readonly scores: (g: Graph, layer: number, queries: Value) => Value;
  /** Probabilities [rows, kvHeads, Q, P] -> mixed values [rows, kvHeads, Q, headSize]. */
  readonly mix: (g: Graph, layer: number, probabilities: Value) => Value;
}

/** @param rows int64 [1], number of rows; @param queryRows Q */
export function prefixAttention(g: Graph, config: ModelConfig, rows: Value, queryRows: number): PrefixAttention {
  const { kvHeads, headSize } = config;
  const layers = Array.from({ length: config.layers }, (_, i) => ({
    keys: g.input(`keys${i}`, 'float32', ['groups', 1, kvHeads, 1, 'prefix', headSize]),
    values: g.input(`values${i}`, 'float32', ['groups', 1, kvHeads, 1, 'prefix', headSize]),
  }));
  const [{ keys }] = layers as [PrefixLayer];
  const size = (axis: number): Value =>
    g.node('Shape', [keys], [{ type: 'int64', shape: [1] }], { start: BigInt(axis), end: BigInt(axis + 1) })[0];
  const shape = (...parts: readonly (Value | number)[]): Value =>
    concat(
      g,
      parts.map((part) => (typeof part === 'number' ? g.int64s([part]) : part)),
      0,
      parts.length,
    );
  const bySiblingAxes = ['groups', 'siblings', kvHeads, queryRows, 1] as const;
  const groups = size(0);
  const siblings = div(g, rows, groups);
  const positions = size(4);
  const queryShape = shape(groups, siblings, kvHeads, queryRows, 1, headSize);
  const probabilityShape = shape(groups, siblings, kvHeads, queryRows, 1, positions);
  const scoreShape = shape(rows, kvHeads, queryRows, positions);
  const mixedShape = shape(rows, kvHeads, queryRows, headSize);
  // There may be no prefix at all: a 0 in the shape is meant (allowzero).
  const reshape = (body: Graph, x: Value, to: Value, dims: Value['shape']): Value =>
    body.node('Reshape', [x, to], [{ type: x.type, shape: dims }], { allowzero: 1n })[0];
  return {
    layers,
    scores(body, i, queries) {
      const bySibling = reshape(body, queries, queryShape, [...bySiblingAxes, headSize]);
      const product = matMul(body, bySibling, layers[i].keys, { transB: true });
      return reshape(body, product, scoreShape, ['rows', kvHeads, queryRows, 'prefix']);
    },
    mix(body, i, probabilities) {
      const bySibling = reshape(body, probabilities, probabilityShape, [...bySiblingAxes, 'prefix']);
      const product = matMul(body, bySibling, layers[i].values);
      return reshape(body, product, mixedShape, ['rows', kvHeads, queryRows, headSize]);
    },
  };
}
