/**
 * The part of attention that looks back beyond the chunk, the same operators in decode and prefill.
 *
 * Each query is a matrix-vector product of its own: read once, keys and values are not packed for a product that would use
 * them twice. Siblings that share a prefix (axis of one in the inputs) read one copy of it. Bits do not depend on either.
 */
import type { Graph, Value } from '../graph.js';
import { add, dimension, div, matMul, shapeOf, slice } from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { PREFIX, type StoreNames } from './slots.js';

/** Inputs of one layer as `Slots.feeds` gives them; G = groups of siblings (or rows), P = prefix positions. */
export interface PrefixLayer {
  readonly keys: Value /* [G, 1, kvHeads, 1, P, headSize] */;
  readonly values: Value /* [G, 1, kvHeads, 1, P, headSize] */;
}

/** Axes: K places of the chunk, then P prefix positions; Q queries of a row and head. */
export interface PrefixAttention {
  /** Queries [rows, kvHeads, Q, headSize], scaled -> masked scores [rows, kvHeads, Q, P], in one part or several. */
  readonly scores: (g: Graph, layer: number, queries: Value) => readonly Value[];
  /** Probabilities [rows, kvHeads, Q, K + P] -> values mixed by those behind K [rows, kvHeads, Q, headSize]. */
  readonly mix: (g: Graph, layer: number, probabilities: Value) => Value;
}

/** What rows look back on, as inputs of a graph. */
export interface Prefixes {
  readonly layers: readonly PrefixLayer[];
  /** [rows, 1, 1, P] */
  readonly mask: Value;
}

/** Those that siblings share. */
export function sharedPrefixes(g: Graph, config: ModelConfig): Prefixes {
  const layers = prefixInputs(g, config, 'groups', 'prefix');
  return { layers, mask: g.input('prefixMask', 'float32', ['rows', 1, 1, 'prefix']) };
}

export interface SharedAttention extends PrefixAttention {
  /** K + P, int64 [1]. */
  readonly end: Value;
}

/** @param chunk K; @param rows int64 [1], number of rows; @param queryRows Q */
export function prefixAttention(
  g: Graph,
  { kvHeads, headSize }: ModelConfig,
  { layers, mask }: Prefixes,
  chunk: number,
  rows: Value,
  queryRows: number,
): SharedAttention {
  const groups = dimension(g, layers[0].keys, 0);
  const siblings = div(g, rows, groups);
  const positions = dimension(g, layers[0].keys, 4);
  const end = add(g, positions, g.int64s([chunk]));
  const bySibling = ['groups', 'siblings', kvHeads, queryRows, 1] as const;
  const queryShape = shapeOf(g, groups, siblings, kvHeads, queryRows, 1, headSize);
  const probabilityShape = shapeOf(g, groups, siblings, kvHeads, queryRows, 1, positions);
  const scoreShape = shapeOf(g, rows, kvHeads, queryRows, positions);
  const mixedShape = shapeOf(g, rows, kvHeads, queryRows, headSize);
  return {
    end,
    scores(body, i, queries) {
      const one = reshapeTo(body, queries, queryShape, [...bySibling, headSize]);
      const product = matMul(body, one, layers[i].keys, { transB: true });
      const scores = reshapeTo(body, product, scoreShape, ['rows', kvHeads, queryRows, 'prefix']);
      return [add(body, scores, mask)];
    },
    mix(body, i, probabilities) {
      const onPrefix = slice(body, probabilities, body.int64s([chunk]), end, 3, 'prefix');
      const one = reshapeTo(body, onPrefix, probabilityShape, [...bySibling, 'prefix']);
      const product = matMul(body, one, layers[i].values);
      return reshapeTo(body, product, mixedShape, ['rows', kvHeads, queryRows, headSize]);
    },
  };
}

/** Of each layer, under `names`. */
export function prefixInputs(
  g: Graph,
  { layers, kvHeads, headSize }: ModelConfig,
  lines: string,
  positions: string,
  names: StoreNames = PREFIX,
): PrefixLayer[] {
  const input = (name: string): Value => g.input(name, 'float32', [lines, 1, kvHeads, 1, positions, headSize]);
  return Array.from({ length: layers }, (_, i) => ({
    keys: input(`${names.keys}${i}`),
    values: input(`${names.values}${i}`),
  }));
}

/** There may be no prefix at all: a 0 in the shape is meant (allowzero). */
export function reshapeTo(g: Graph, x: Value, to: Value, shape: Value['shape']): Value {
  return g.node('Reshape', [x, to], [{ type: x.type, shape }], { allowzero: 1n })[0];
}
