/** Attention of one aligned block of K known tokens per row: to each other, and to the blocks before. */
import type { Graph, Value } from '../graph.js';
import { add, concat, matMul, mul, reshape, slice, softmax, transpose } from '../operators.js';
import { attentionScale, groupSize, type ModelConfig } from '../../model/config.js';
import type { PrefixAttention } from './prefix-attention.js';

/** Of one block's tokens in one layer. */
export interface BlockOfKeys {
  readonly keys: Value /* [rows, kvHeads, K, headSize] */;
  readonly values: Value /* [rows, kvHeads, K, headSize] */;
}

/** @param k, v [rows, K, kvHeads * headSize] */
export function blockOfKeys(
  g: Graph,
  { kvHeads, headSize }: ModelConfig,
  chunk: number,
  k: Value,
  v: Value,
): BlockOfKeys {
  return { keys: byHead(g, k, kvHeads, headSize, chunk), values: byHead(g, v, kvHeads, headSize, chunk) };
}

/** @param q [rows, K, heads * headSize]; @returns [rows, K, heads * headSize] */
export function prefillAttention(
  g: Graph,
  config: ModelConfig,
  chunk: number,
  prefix: PrefixAttention,
  layer: number,
  q: Value,
  { keys, values }: BlockOfKeys,
): Value {
  const { kvHeads, headSize, heads } = config;
  const group = groupSize(config);
  const mask = g.floats([group * chunk, chunk], causalMask(group, chunk));
  const grouped = byHead(g, q, heads, headSize, chunk); // [rows, heads, K, headSize]
  const queryShape = ['rows', kvHeads, group * chunk, headSize];
  const perGroup = reshape(g, grouped, [0, kvHeads, group * chunk, headSize], queryShape);
  const queries = mul(g, perGroup, g.float(attentionScale(config)));
  const blockScores = add(g, matMul(g, queries, keys, { transB: true }), mask);
  const p = softmax(g, concat(g, [blockScores, ...prefix.scores(g, layer, queries)], 3, 'block+prefix'));
  const onBlock = slice(g, p, g.int64s([0]), g.int64s([chunk]), 3, chunk);
  const mixed = add(g, prefix.mix(g, layer, p), matMul(g, onBlock, values));
  const perHead = reshape(g, mixed, [0, heads, chunk, headSize], ['rows', heads, chunk, headSize]);
  const width = heads * headSize;
  return reshape(g, transpose(g, perHead, [0, 2, 1, 3]), [0, chunk, width], ['rows', chunk, width]);
}

/** [rows, K, heads * headSize] -> [rows, heads, K, headSize] */
function byHead(g: Graph, x: Value, heads: number, headSize: number, chunk: number): Value {
  const split = reshape(g, x, [0, chunk, heads, headSize], ['rows', chunk, heads, headSize]);
  return transpose(g, split, [0, 2, 1, 3]);
}

/** Rows are the group's query heads, each K queries; 0 where the query may look, -Infinity ahead of it. */
function causalMask(group: number, chunk: number): number[] {
  return Array.from({ length: group * chunk * chunk }, (_, i) => {
    const query = Math.floor(i / chunk) % chunk;
    return i % chunk <= query ? 0 : -Infinity;
  });
}
