/**
 * Keys and values of one aligned block of K known tokens per row, given those of the blocks before it.
 * Sums are cut where `decode-graph.ts` cuts them (prefix, then block), so that both make the same bits.
 */
import { Graph } from '../graph.js';
import { dimension } from '../operators.js';
import { groupSize, type ModelConfig } from '../../model/config.js';
import { embed, outputAndFeedForward, queriesKeysValues, ropeConstants } from '../transformer/layers.js';
import { constantParameters } from '../transformer/parameter-values.js';
import type { Weights } from '../../model/parameters.js';
import { blockOfKeys, prefillAttention } from './prefill-attention.js';
import { prefixAttention, sharedPrefixes } from './prefix-attention.js';

/** Axes: rows, P prefix positions (padded), K chunk length. */
export function prefillGraph(config: ModelConfig, weights: Weights, chunk: number): Graph {
  const g = new Graph();
  const parameter = constantParameters(g, config, weights);
  const rope = ropeConstants(g, config);

  const tokens = g.input('tokens', 'int64', ['rows', chunk]);
  const positions = g.input('positions', 'int64', ['rows', chunk]);
  const rows = dimension(g, tokens, 0);
  const prefix = prefixAttention(g, config, sharedPrefixes(g, config), chunk, rows, groupSize(config) * chunk);

  let x = embed(g, parameter, tokens); // [rows, K, hidden]
  for (let i = 0; i < config.layers; i++) {
    const [q, k, v] = queriesKeysValues(g, config, parameter, rope, i, x, positions);
    const made = blockOfKeys(g, config, chunk, k, v);
    const block = { keys: g.output(`newKeys${i}`, made.keys), values: g.output(`newValues${i}`, made.values) };
    if (i === config.layers - 1) break; // what follows would only serve logits
    const attended = prefillAttention(g, config, chunk, prefix, i, q, block);
    x = outputAndFeedForward(g, config, parameter, i, x, attended);
  }
  return g;
}
