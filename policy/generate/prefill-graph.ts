/**
 * Keys and values of one aligned block of K known tokens per row, given those of the blocks before it.
 * Sums are cut where `decode-graph.ts` cuts them (prefix, then block), so that both make the same bits.
 */
import { Graph, type Value } from '../onnx/graph.js';
import { add, concat, dimension, matMul, mul, reshape, slice, softmax, transpose } from '../onnx/operators.js';
import { attentionScale, groupSize, type ModelConfig } from '../transformer/config.js';
import {
  constantParameters,
  embed,
  outputAndFeedForward,
  queriesKeysValues,
  ropeConstants,
} from '../transformer/layers.js';
import type { Weights } from '../transformer/parameters.js';
import { prefixAttention } from './prefix-attention.js';

/** Axes: rows, P prefix positions (padded), K chunk length. */
export function prefillGraph(config: ModelConfig, weights: Weights, chunk: number): Graph {
  const { layers, kvHeads, headSize, heads } = config;
  const group = groupSize(config);
  const g = new Graph();
  const parameter = constantParameters(g, config, weights);
  const rope = ropeConstants(g, config);

  const tokens = g.input('tokens', 'int64', ['rows', chunk]);
  const positions = g.input('positions', 'int64', ['rows', chunk]);
  const rows = dimension(g, tokens, 0);
  const prefix = prefixAttention(g, config, chunk, rows, group * chunk);
  const blockMask = g.floats([group * chunk, chunk], causalMask(group, chunk));

  let x = embed(g, parameter, tokens); // [rows, K, hidden]
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = queriesKeysValues(g, config, parameter, rope, i, x, positions);
    const keys = g.output(`newKeys${i}`, byHead(g, k, kvHeads, headSize, chunk));
    const values = g.output(`newValues${i}`, byHead(g, v, kvHeads, headSize, chunk));
    if (i === layers - 1) break; // what follows would only serve logits
    const grouped = byHead(g, q, heads, headSize, chunk); // [rows, heads, K, headSize]
    const queryShape = ['rows', kvHeads, group * chunk, headSize];
    const perGroup = reshape(g, grouped, [0, kvHeads, group * chunk, headSize], queryShape);
    const queries = mul(g, perGroup, g.float(attentionScale(config)));
    const blockScores = add(g, matMul(g, queries, keys, { transB: true }), blockMask);
    const p = softmax(g, concat(g, [blockScores, ...prefix.scores(g, i, queries)], 3, 'block+prefix'));
    const onBlock = slice(g, p, g.int64s([0]), g.int64s([chunk]), 3, chunk);
    const mixed = add(g, prefix.mix(g, i, p), matMul(g, onBlock, values));
    const perHead = reshape(g, mixed, [0, heads, chunk, headSize], ['rows', heads, chunk, headSize]);
    const attended = reshape(
      g,
      transpose(g, perHead, [0, 2, 1, 3]),
      [0, chunk, heads * headSize],
      ['rows', chunk, heads * headSize],
    );
    x = outputAndFeedForward(g, config, parameter, i, x, attended);
  }
  return g;
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
