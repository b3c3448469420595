/**
 * Attention in blocks of queries, each against the keys up to its end. A block's probabilities are reduced to one number per
 * head and key at once (`influence`), so the maps are never whole: O(S * block) memory.
 *     c[t] = sum over queries q with step(q) >= step(t) + Delta of a(q, t) / |step(q)|,   y[k] = mean of c over step k
 * which is spec section 2 with the sums exchanged: no step-to-step matrix is needed.
 *
 * Axes: B rows, T queries, S keys, Q queries of a block.
 */
import { Graph, type Value } from '../graph.js';
import {
  add,
  concat,
  dimension,
  greater,
  less,
  matMul,
  mul,
  reduceSum,
  reshape,
  slice,
  softmax,
  squeeze,
  transpose,
  unsqueeze,
  where,
} from '../operators.js';
import { attentionScale, type ModelConfig } from '../../model/config.js';

/** How the queries are cut into blocks. */
export interface Cut {
  /** Q, int64 []. */
  readonly block: Value;
  /** How many of them make T, int64 []. */
  readonly blocks: Value;
  /** Causal mask within a block: `triangle`. */
  readonly triangle: Value;
  /** Keys before the first query, int64 [1]; left out: none. */
  readonly before?: Value;
}

export interface InfluenceInputs {
  /** 1 / (length of the query's step), 0 for padding: [B, T]. */
  readonly stepWeight: Value;
  /** Keys before this position are at least Delta steps back: int64 [B, T]. */
  readonly reach: Value;
  /** c of the queries before these: [B, heads, S]. */
  readonly received: Value;
}

/** @returns what the queries' heads found, [B, T, heads * headSize], and, if asked for, c [B, heads, S] */
export function blockAttention(
  g: Graph,
  config: ModelConfig,
  [q, k, v]: readonly Value[] /* [B, T, heads * headSize], [B, S, kvHeads * headSize] twice */,
  cut: Cut,
  influence: InfluenceInputs | undefined,
): [Value, Value | undefined] {
  const { heads, kvHeads, headSize } = config;
  const queries = byHead(g, q, heads, headSize);
  const keys = byHead(g, k, kvHeads, headSize);
  const values = byHead(g, v, kvHeads, headSize);
  const length = dimension(g, keys, 2);

  const body = new Graph(g);
  const i = body.input('index', 'int64', []);
  body.input('going', 'bool', []);
  const soFar = influence && body.input('received', 'float32', ['rows', heads, 'length']);
  const start = unsqueeze(body, mul(body, i, cut.block), 0);
  const end = add(body, start, unsqueeze(body, cut.block, 0));
  const [keysBefore, keysEnd] = [start, end].map((place) => (cut.before ? add(body, place, cut.before) : place));
  // A group's query heads are rows of one product with the keys they share.
  const ofGroup = ['rows', kvHeads, 'group*block'];
  const byHeadShape = ['rows', heads, 'block'];
  const ofBlock = reshape(
    body,
    slice(body, queries, start, end, 2, 'block'),
    [0, kvHeads, -1, headSize],
    [...ofGroup, headSize],
  );
  const first = body.int64s([0]);
  const upToEnd = (x: Value): Value => slice(body, x, first, keysEnd, 2, 'end');
  const scores = matMul(body, ofBlock, upToEnd(keys), { transB: true, alpha: attentionScale(config) });
  // -1 would not do for both: the first reshape's is the block.
  const endShape = (leading: readonly number[]): Value =>
    concat(body, [body.int64s(leading), keysEnd], 0, leading.length + 1);
  const perQueryHead = reshapeTo(body, scores, endShape([0, heads, -1]), [...byHeadShape, 'end']);
  const p = softmax(body, add(body, perQueryHead, causalMask(body, cut.triangle, keysBefore))); // [B, heads, Q, end]
  const mixed = matMul(body, reshapeTo(body, p, endShape([0, kvHeads, -1]), [...ofGroup, 'end']), upToEnd(values));
  const perHead = reshape(body, mixed, [0, heads, -1, headSize], [...byHeadShape, headSize]);
  body.output('goingNext', less(body, i, body.int64(Number.MAX_SAFE_INTEGER)));
  if (influence && soFar) {
    const onBlock = (x: Value): Value =>
      reshape(body, slice(body, x, start, end, 1, 'block'), [0, 1, -1, 1], ['rows', 1, 'block', 1]);
    const key = body.node(
      'Range',
      [body.int64(0), squeeze(body, keysEnd, 0), body.int64(1)],
      [{ type: 'int64', shape: ['end'] }],
    )[0];
    const counted = where(
      body,
      less(body, key, onBlock(influence.reach)),
      onBlock(influence.stepWeight),
      body.float(0),
    );
    const sum = reduceSum(body, mul(body, p, counted), [2]); // [B, heads, end]
    const ahead = body.node('Sub', [length, keysEnd], [{ type: 'int64', shape: [1] }])[0];
    const pads = concat(body, [body.int64s([0, 0, 0, 0, 0]), ahead], 0, 6);
    const padded = body.node('Pad', [sum, pads], [{ type: 'float32', shape: ['rows', heads, 'length'] }])[0];
    body.output('receivedNext', add(body, soFar, padded));
  }
  body.output('attended', perHead);

  const outputs = g.node(
    'Loop',
    [cut.blocks, g.bool(true), ...(influence ? [influence.received] : [])],
    [
      ...(influence ? [{ type: 'float32' as const, shape: ['rows', heads, 'length'] }] : []),
      { type: 'float32', shape: ['blocks', 'rows', heads, 'block', headSize] },
    ],
    { body },
  );
  return [together(g, outputs.at(-1)!, config), influence ? outputs[0] : undefined];
}

/** Attention within a block: 0 where a query may look, -Infinity ahead of it: [Q, Q]. */
export function triangle(g: Graph, block: Value): Value {
  const places = g.node('Range', [g.int64(0), block, g.int64(1)], [{ type: 'int64', shape: ['block'] }])[0];
  const ahead = greater(g, unsqueeze(g, places, 0), unsqueeze(g, places, 1));
  return where(g, ahead, g.float(-Infinity), g.float(0));
}

/** Only the last block of keys can be ahead of a query: zeros before it. [Q, end] */
function causalMask(g: Graph, triangle: Value, start: Value): Value {
  const before = concat(g, [g.int64s([0]), start, g.int64s([0, 0])], 0, 4);
  return g.node('Pad', [triangle, before], [{ type: 'float32', shape: ['block', 'end'] }])[0];
}

/** [blocks, B, heads, Q, headSize] -> [B, T, heads * headSize] */
function together(g: Graph, blocks: Value, { heads, headSize }: ModelConfig): Value {
  const byHeads = transpose(g, blocks, [1, 2, 0, 3, 4]);
  const perHead = reshape(g, byHeads, [0, heads, -1, headSize], ['rows', heads, 'length', headSize]);
  const shape = ['rows', 'length', heads * headSize];
  return reshape(g, transpose(g, perHead, [0, 2, 1, 3]), [0, 0, heads * headSize], shape);
}

function reshapeTo(g: Graph, x: Value, to: Value, shape: Value['shape']): Value {
  return g.node('Reshape', [x, to], [{ type: x.type, shape }])[0];
}

/** [B, T, heads * headSize] -> [B, heads, T, headSize] */
function byHead(g: Graph, x: Value, heads: number, headSize: number): Value {
  return transpose(g, reshape(g, x, [0, 0, heads, headSize], ['rows', 'length', heads, headSize]), [0, 2, 1, 3]);
}
