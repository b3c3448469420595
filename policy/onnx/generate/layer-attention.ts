/** A layer's attention in the body of the decode loop, for whichever kinds of runs the graph is made. */
import type { Graph, Value } from '../graph.js';
import { cast, expandToRows, mul, not, slice } from '../operators.js';
import { groupSize, type ModelConfig } from '../../model/config.js';
import {
  type ChunkOfKeys,
  decodeAttention,
  type DecodeAttention,
  type Projected,
  queryRowsOf,
} from './decode-attention.js';
import { ownAttention } from './own-attention.js';
import { blockOfKeys, prefillAttention } from './prefill-attention.js';
import { type PrefixAttention, prefixAttention, sharedPrefixes } from './prefix-attention.js';
import { choose, type KindChoices } from './run-kind.js';

/** Axes: R rows, W tokens of a row at a time (K in a prefill, else 1), S rows that sample (none in a prefill, else R). */
export interface LayerAttention {
  /**
   * @param chunkEnd places of the chunk up to the new token, int64 [1]
   * @returns of the last layer only the rows that sample
   */
  attend(body: Graph, layer: number, projected: Projected, carried: ChunkOfKeys, chunkEnd: Value): DecodeAttention;
  /** Those of the rows [R, ...] that sample, [S, ...]: behind the last layer's keys and values a prefill goes on with none. */
  ofSampling(part: Graph, x: Value): Value;
}

/** @param rows int64 [1]; @param width W */
export function layerAttention(
  g: Graph,
  config: ModelConfig,
  chunk: number,
  rows: Value,
  width: Value['shape'][number],
  { prefills, hasOwn }: KindChoices,
): LayerAttention {
  const { layers, heads, kvHeads, headSize } = config;
  const queryRows = queryRowsOf(config);
  const prefixes = sharedPrefixes(g, config);
  const shared = prefixAttention(g, config, prefixes, chunk, rows, queryRows);
  const own = hasOwn === false ? shared : ownAttention(g, config, shared, rows, queryRows);
  const ofBlock =
    prefills === false ? shared : prefixAttention(g, config, prefixes, chunk, rows, groupSize(config) * chunk);
  const closed = expandToRows(g, g.float(-Infinity), rows, [kvHeads, queryRows, chunk]);
  const sampling = typeof prefills === 'boolean' ? rows : mul(g, rows, cast(g, not(g, prefills), 'int64'));
  const ofSampling = (part: Graph, x: Value): Value =>
    prefills === false ? x : slice(part, x, part.int64s([0]), sampling, 0, 'sampling');
  const isLast = (layer: number): boolean => layer === layers - 1;

  const prefilled = (branch: Graph, layer: number, [q, k, v]: Projected): readonly Value[] => {
    const block = blockOfKeys(branch, config, chunk, k, v);
    const attended = isLast(layer)
      ? ofSampling(branch, q)
      : prefillAttention(branch, config, chunk, ofBlock, layer, q, block);
    return [attended, block.keys, block.values];
  };
  return {
    ofSampling,
    attend(body, layer, projected, carried, chunkEnd) {
      const ahead = slice(body, closed, chunkEnd, body.int64s([chunk]), 3, 'ahead');
      const decoded = (branch: Graph, prefix: PrefixAttention): readonly Value[] => {
        const place = { end: chunkEnd, ahead };
        const { attended, grown } = decodeAttention(branch, config, prefix, layer, projected, carried, place);
        return [attended, grown.keys, grown.values];
      };
      const grown = ['rows', kvHeads, 'past+width', headSize];
      const shapes = [
        [prefills !== false && isLast(layer) ? 'sampling' : 'rows', width, heads * headSize],
        grown,
        grown,
      ];
      const [attended, keys, values] = choose(
        body,
        prefills,
        (branch) => prefilled(branch, layer, projected),
        (branch) =>
          choose(
            branch,
            hasOwn,
            (inner) => decoded(inner, own),
            (inner) => decoded(inner, shared),
          ),
        shapes,
      );
      return { attended, grown: { keys, values } };
    },
  };
}
