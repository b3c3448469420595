/**
 * Attention along the paths of packed trees, with its gradient.
 *
 * Parents stand before their children, so a block of queries needs the keys up to its own end only: about half the work
 * and memory. Within that, token i attends token j iff j is i or an ancestor: enter[j] <= enter[i] <= exit[j], where
 * [enter, exit] are the numbers of j's subtree in depth-first order. The query heads of a group follow each other within
 * a token, so that keys and values need no copy per query head.
 */
import type { Composites } from '../onnx/gradients.js';
import type { Graph, Value } from '../onnx/graph.js';
import {
  add,
  and,
  concat,
  lessOrEqual,
  matMul,
  mul,
  reduceSum,
  reshape,
  slice,
  softmax,
  splitInto,
  sub,
  where,
} from '../onnx/operators.js';
import { attentionScale, groupSize, type ModelConfig } from '../qwen2/config.js';

/** How the length T is cut into blocks of queries, shared by all layers. */
export interface QueryBlocks {
  readonly count: number;
  /** Length of each block, [count]. */
  readonly lengths: Value;
  /** End of each block, [1] each. */
  readonly ends: readonly Value[];
  /** 0 or -infinity, [B, 1, block * group, end] each. */
  readonly masks: readonly Value[];
}

const blockDim = (i: number): string => `block${i}`;
const endDim = (i: number, { count }: Pick<QueryBlocks, 'count'>): string => (i === count - 1 ? 'length' : `end${i}`);

/** @param enter, exit subtree numbers, [B, T]; @param lengths of the blocks of queries, [count] */
export function queryBlocks(
  g: Graph,
  config: ModelConfig,
  count: number,
  lengths: Value,
  enter: Value,
  exit: Value,
): QueryBlocks {
  const group = groupSize(config);
  const ends = g.node(
    'Split',
    [g.node('CumSum', [lengths, g.int64(0)], [{ type: 'int64', shape: [count] }])[0]],
    Array.from({ length: count }, () => ({ type: 'int64' as const, shape: [1] })),
    { axis: 0n, num_outputs: BigInt(count) },
  );
  const zero = g.int64s([0]);
  const entered = splitInto(g, enter, lengths, count, 1, blockDim);
  const masks = entered.map((queries, i) => {
    const end = ends[i];
    const asKeys = (x: Value): Value =>
      reshape(g, slice(g, x, zero, end, 1, endDim(i, { count })), [0, 1, 1, -1], ['rows', 1, 1, endDim(i, { count })]);
    const own = reshape(g, queries, [0, -1, 1, 1], ['rows', blockDim(i), 1, 1]);
    const open = and(g, lessOrEqual(g, asKeys(enter), own), lessOrEqual(g, own, asKeys(exit)));
    const mask = where(g, open, g.float(0), g.float(-Infinity)); // [B, block, 1, end]
    const perHead = g.node(
      'Expand',
      [mask, g.int64s([1, 1, group, 1])],
      [{ type: 'float32', shape: ['rows', blockDim(i), group, endDim(i, { count })] }],
    )[0];
    const shape = ['rows', 1, `${blockDim(i)}*group`, endDim(i, { count })];
    return g.node('Reshape', [perHead, concat(g, [g.int64s([0, 1, -1]), end], 0, 4)], [{ type: 'float32', shape }])[0];
  });
  return { count, lengths, ends, masks };
}

/** q [B, kvHeads, T, group * headSize], k and v [B, kvHeads, T, headSize] -> as q. */
export function treeAttention(
  g: Graph,
  config: ModelConfig,
  composites: Composites,
  blocks: QueryBlocks,
  q: Value,
  k: Value,
  v: Value,
): Value {
  const { kvHeads, headSize } = config;
  const { count, lengths, ends, masks } = blocks;
  const width = groupSize(config) * headSize;
  const scale = attentionScale(config);
  const zero = g.int64s([0]);
  const upTo = (x: Value, i: number): Value => (i === count - 1 ? x : slice(g, x, zero, ends[i], 2, endDim(i, blocks)));
  /** [B, kvHeads, T, group * headSize] -> one [B, kvHeads, block * group, headSize] per block. */
  const perBlock = (x: Value): Value[] =>
    splitInto(g, x, lengths, count, 2, blockDim).map((part, i) =>
      reshape(g, part, [0, 0, -1, headSize], ['rows', kvHeads, `${blockDim(i)}*group`, headSize]),
    );
  const joined = (parts: readonly Value[]): Value =>
    concat(
      g,
      parts.map((part, i) => reshape(g, part, [0, 0, -1, width], ['rows', kvHeads, blockDim(i), width])),
      2,
      'length',
    );

  const build = () => {
    const queries = perBlock(q);
    const keys = queries.map((_, i) => upTo(k, i));
    const values = queries.map((_, i) => upTo(v, i));
    const probabilities = queries.map((query, i) =>
      softmax(g, add(g, matMul(g, query, keys[i], { transB: true, alpha: scale }), masks[i])),
    );
    const mixed = probabilities.map((p, i) => matMul(g, p, values[i]));

    const rule = ([gradient]: readonly (Value | undefined)[]): Value[] => {
      const dMixed = perBlock(gradient!);
      const dQueries: Value[] = [];
      const dKeys: Value[] = [];
      const dValues: Value[] = [];
      dMixed.forEach((dOut, i) => {
        const p = probabilities[i];
        const dP = matMul(g, dOut, values[i], { transB: true });
        const mean = reduceSum(g, mul(g, dOut, mixed[i]), [3], true); // = sum of p dP over the keys
        const dScores = mul(g, sub(g, dP, mean), p);
        dQueries.push(matMul(g, dScores, keys[i], { alpha: scale }));
        dKeys.push(matMul(g, dScores, queries[i], { transA: true, alpha: scale }));
        dValues.push(matMul(g, p, dOut, { transA: true }));
      });
      return [joined(dQueries), sumOfPrefixes(g, dKeys, blocks), sumOfPrefixes(g, dValues, blocks)];
    };
    return { outputs: [joined(mixed)], rule };
  };
  return composites.add([q, k, v], build)[0];
}

/** Sum of parts that reach up to the end of their block each, [B, kvHeads, end, headSize]. */
function sumOfPrefixes(g: Graph, parts: readonly Value[], blocks: QueryBlocks): Value {
  const tails: Value[] = [];
  let sum = parts.at(-1)!;
  for (let i = parts.length - 2; i >= 0; i--) {
    const end = blocks.ends[i];
    tails.unshift(slice(g, sum, end, blocks.ends[i + 1], 2, blockDim(i + 1)));
    sum = add(g, slice(g, sum, g.int64s([0]), end, 2, endDim(i, blocks)), parts[i]);
  }
  return tails.length === 0 ? sum : concat(g, [sum, ...tails], 2, 'length');
}
