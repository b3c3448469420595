/**
 * Attention to what siblings share, read once for all of them, and behind it to what each row has of its own.
 *
 * A sum over both must have the bits of one sum that was never cut (`prefix-attention.ts`): whether a row has siblings
 * changes nothing. The product with the values goes through its terms in order, four at a time; so the second one begins
 * with 1 times what the first came to, and goes on from there.
 */
import type { Graph, Value } from '../graph.js';
import { add, concat, dimension, expandToRows, matMul, shapeOf, slice } from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import {
  type PrefixAttention,
  type Prefixes,
  prefixInputs,
  reshapeTo,
  type SharedAttention,
} from './prefix-attention.js';
import { OWN } from './slots.js';

const TERMS = 4;

/** What each row has behind what it shares, as inputs of the graph. */
function ownPrefixes(g: Graph, config: ModelConfig): Prefixes {
  const layers = prefixInputs(g, config, 'rows', 'own', OWN);
  return { layers, mask: g.input('ownMask', 'float32', ['rows', 1, 1, 'own']) };
}

/** Axes: P = positions that siblings share, then O of a row's own. @param queryRows Q */
export function ownAttention(
  g: Graph,
  config: ModelConfig,
  shared: SharedAttention,
  rows: Value,
  queryRows: number,
): PrefixAttention {
  const { kvHeads, headSize } = config;
  const { layers, mask } = ownPrefixes(g, config);
  const own = dimension(g, layers[0].keys, 4);
  const byQuery = ['rows', 1, kvHeads, queryRows, 1] as const;
  const queryShape = shapeOf(g, rows, 1, kvHeads, queryRows, 1, headSize);
  const probabilityShape = shapeOf(g, rows, 1, kvHeads, queryRows, 1, own);
  const scoreShape = shapeOf(g, rows, kvHeads, queryRows, own);
  const mixedShape = shapeOf(g, rows, kvHeads, queryRows, headSize);
  // What the first product came to for each query stands before the values; which row is a query's own, before its
  // probabilities.
  const carried = Math.ceil(queryRows / TERMS) * TERMS;
  const carriedShape = shapeOf(g, rows, 1, kvHeads, 1, queryRows, headSize);
  const identity = Array.from({ length: queryRows * carried }, (_, at) => (at % (carried + 1) === 0 ? 1 : 0));
  const chosen = expandToRows(g, g.floats([queryRows, 1, carried], identity), rows, [
    1,
    kvHeads,
    queryRows,
    1,
    carried,
  ]);
  const filling = expandToRows(g, g.float(0), rows, [1, kvHeads, 1, carried - queryRows, headSize]);
  return {
    scores(body, i, queries) {
      const one = reshapeTo(body, queries, queryShape, [...byQuery, headSize]);
      const product = matMul(body, one, layers[i].keys, { transB: true });
      const scores = reshapeTo(body, product, scoreShape, ['rows', kvHeads, queryRows, 'own']);
      return [...shared.scores(body, i, queries), add(body, scores, mask)];
    },
    mix(body, i, probabilities) {
      const soFar = shared.mix(body, i, probabilities);
      const before = reshapeTo(body, soFar, carriedShape, ['rows', 1, kvHeads, 1, queryRows, headSize]);
      const values = concat(body, [before, filling, layers[i].values], 4, 'carried+own');
      const onOwn = slice(body, probabilities, shared.end, body.int64s([Number.MAX_SAFE_INTEGER]), 3, 'own');
      const one = reshapeTo(body, onOwn, probabilityShape, [...byQuery, 'own']);
      const product = matMul(body, concat(body, [chosen, one], 5, 'carried+own'), values);
      return reshapeTo(body, product, mixedShape, ['rows', kvHeads, queryRows, headSize]);
    },
  };
}
