/** Attention of one token of each row: to the chunk so far, and to what lies before the chunk. */
import type { Graph, Value } from '../graph.js';
import { add, concat, matMul, mul, reshape, slice, softmax } from '../operators.js';
import { attentionScale, groupSize, type ModelConfig } from '../../model/config.js';
import type { PrefixAttention } from './prefix-attention.js';

/** Of one layer: queries [rows, 1, heads * headSize], keys and values [rows, 1, kvHeads * headSize] of the new token. */
export type Projected = readonly [q: Value, k: Value, v: Value];

/** Of one layer, those of the chunk so far: [rows, kvHeads, places, headSize] each. */
export interface ChunkOfKeys {
  readonly keys: Value;
  readonly values: Value;
}

export interface DecodeAttention {
  /** [rows, 1, heads * headSize] */
  readonly attended: Value;
  /** The chunk with the new token. */
  readonly grown: ChunkOfKeys;
}

/** The place in the chunk that is computed. */
export interface Place {
  /** Places up to it, int64 [1]. */
  readonly end: Value;
  /**
   * -Infinity [rows, kvHeads, queryRows, places behind it]: the softmax is over K + P places as in prefill, the chunk's
   * first; its vectorised sum then adds every term in the same lane and order, however far the prefix is padded.
   */
  readonly ahead: Value;
}

/** A product of one row takes a kernel of its own (GEMV), whose sums have other bits than prefill's: never have just one. */
export const queryRowsOf = (config: ModelConfig): number => Math.max(2, groupSize(config));

export function decodeAttention(
  g: Graph,
  config: ModelConfig,
  prefix: PrefixAttention,
  layer: number,
  [q, k, v]: Projected,
  carried: ChunkOfKeys,
  place: Place,
): DecodeAttention {
  const { heads, kvHeads, headSize } = config;
  const group = groupSize(config);
  const queryRows = queryRowsOf(config);
  const grown = withToken(g, config, carried, k, v);
  const ofGroup = reshape(g, q, [0, kvHeads, group, headSize], ['rows', kvHeads, group, headSize]);
  const twice = group < queryRows ? concat(g, [ofGroup, ofGroup], 2, queryRows) : ofGroup;
  const queries = mul(g, twice, g.float(attentionScale(config)));
  const chunkScores = matMul(g, queries, grown.keys, { transB: true });
  const p = softmax(g, concat(g, [chunkScores, place.ahead, ...prefix.scores(g, layer, queries)], 3, 'chunk+prefix'));
  const onChunk = slice(g, p, g.int64s([0]), place.end, 3, 'past+1');
  const mixed = add(g, prefix.mix(g, layer, p), matMul(g, onChunk, grown.values));
  const perHead = group < queryRows ? slice(g, mixed, g.int64s([0]), g.int64s([group]), 2, group) : mixed;
  return { attended: reshape(g, perHead, [0, 1, heads * headSize], ['rows', 1, heads * headSize]), grown };
}

/** The chunk's keys and values with those of one more token. */
function withToken(
  g: Graph,
  { kvHeads, headSize }: ModelConfig,
  carried: ChunkOfKeys,
  k: Value,
  v: Value,
): ChunkOfKeys {
  const grown = (past: Value, x: Value): Value => {
    const ofHeads = reshape(g, x, [0, kvHeads, 1, headSize], ['rows', kvHeads, 1, headSize]);
    return concat(g, [past, ofHeads], 2, 'past+1');
  };
  return { keys: grown(carried.keys, k), values: grown(carried.values, v) };
}
