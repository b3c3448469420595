/**
 * One teacher-forced pass: log-probs and entropies of the wanted tokens and, if asked for, FCI before zeroing.
 *
 * Attention is computed in blocks of queries, each against the keys up to its end. A block's probabilities are reduced to
 * one number per head and key at once (`influence`), so the maps are never whole: O(S * block) memory.
 *     c[t] = sum over queries q with step(q) >= step(t) + Delta of a(q, t) / |step(q)|,   y[k] = mean of c over step k
 * which is spec section 2 with the sums exchanged: no step-to-step matrix is needed.
 */
import { Graph, type Value } from '../onnx/graph.js';
import {
  add,
  cast,
  concat,
  div,
  gather,
  gatherElements,
  greater,
  less,
  logSoftmax,
  matMul,
  mul,
  neg,
  reduceMax,
  reduceSum,
  reshape,
  slice,
  softmax,
  squeeze,
  transpose,
  unsqueeze,
  where,
} from '../onnx/operators.js';
import { attentionScale, type ModelConfig } from '../transformer/config.js';
import {
  constantParameters,
  embed,
  logits,
  outputAndFeedForward,
  type ParameterValues,
  queriesKeysValues,
  ropeConstants,
} from '../transformer/layers.js';
import { hasLargeVocabulary } from '../transformer/large.js';
import type { Weights } from '../transformer/parameters.js';

/** How the queries are cut into blocks. */
interface Cut {
  readonly block: Value;
  readonly blocks: Value;
  /** Causal mask within a block. */
  readonly triangle: Value;
}

/** Wanted tokens whose logits of a large vocabulary are computed at a time; their number is padded to a multiple of it. */
export const PART_TOKENS = 64;

interface InfluenceInputs {
  /** 1 / (length of the token's step), 0 for padding: [B, S]. */
  readonly stepWeight: Value;
  /** Keys before this position are at least Delta steps back: [B, S]. */
  readonly reach: Value;
}

/** Axes: B rows, S padded length, Q queries of a block, N wanted tokens, K steps (padded). */
export function scoreGraph(config: ModelConfig, weights: Weights, withInfluence: boolean): Graph {
  const g = new Graph();
  const parameter = constantParameters(g, config, weights);
  const rope = ropeConstants(g, config);
  const { heads, kvHeads, headSize, hiddenSize } = config;

  const tokens = g.input('tokens', 'int64', ['rows', 'length']);
  const positions = g.input('positions', 'int64', ['rows', 'length']);
  /** Q, and how many blocks make S. */
  const block = g.input('block', 'int64', []);
  const blocks = g.input('blocks', 'int64', []);
  /** Places in [B * S] whose hidden state predicts a wanted token. */
  const places = g.input('places', 'int64', ['wanted']);
  const labels = g.input('labels', 'int64', ['wanted', 1]);
  const temperature = g.input('temperature', 'float32', ['wanted', 1]);
  const influence = withInfluence
    ? {
        stepWeight: g.input('stepWeight', 'float32', ['rows', 'length']),
        reach: g.input('reach', 'int64', ['rows', 'length']),
      }
    : undefined;

  const cut = { block, blocks, triangle: triangle(g, block) };
  const received: Value[] = [];
  let x = embed(g, parameter, tokens);
  for (let i = 0; i < config.layers; i++) {
    const [q, k, v] = queriesKeysValues(g, config, parameter, rope, i, x, positions);
    const queries = byHead(g, q, heads, headSize);
    const keys = byHead(g, k, kvHeads, headSize);
    const values = byHead(g, v, kvHeads, headSize);
    const [perHead, c] = blockAttention(g, config, queries, keys, values, cut, influence);
    if (c) received.push(c);
    const attended = reshape(
      g,
      transpose(g, perHead, [0, 2, 1, 3]),
      [0, 0, heads * headSize],
      ['rows', 'length', heads * headSize],
    );
    x = outputAndFeedForward(g, config, parameter, i, x, attended);
  }

  const flat = reshape(g, x, [-1, hiddenSize], ['rows*length', hiddenSize]);
  const wanted = { hidden: flat, places, labels, temperature };
  const [logProbs, entropies] = hasLargeVocabulary(config)
    ? tokenScoresInParts(g, config, parameter, wanted)
    : tokenScores(g, config, parameter, wanted);
  g.output('logProbs', logProbs);
  g.output('entropies', entropies);
  if (influence) {
    /** 1 / (length of step k) where token t is in step k: [B, S, K]. */
    const membership = g.input('membership', 'float32', ['rows', 'length', 'steps']);
    const perLayerAndHead = concat(g, received, 1, config.layers * heads);
    const y = matMul(g, perLayerAndHead, membership); // [B, layers * heads, K]
    g.output('influence', reduceMax(g, y, [1]));
  }
  return g;
}

interface Wanted {
  readonly hidden: Value /* [B * S, hidden] */;
  readonly places: Value /* [N] */;
  readonly labels: Value /* [N, 1] */;
  readonly temperature: Value /* [N, 1] */;
}

/** Log-probs and entropies of the wanted tokens, [N] each. */
function tokenScores(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  { hidden, places, labels, temperature }: Wanted,
): [Value, Value] {
  const scaled = div(g, logits(g, config, parameter, gather(g, hidden, places)), temperature);
  const logP = logSoftmax(g, scaled);
  const logProbs = squeeze(g, gatherElements(g, logP, labels), 1);
  // As a product per row: a reduction's sums depend on where in memory the row begins.
  const sum = matMul(g, unsqueeze(g, softmax(g, scaled), 1), unsqueeze(g, logP, 2)); // [N, 1, 1]
  return [logProbs, neg(g, reshape(g, sum, [-1], ['wanted']))];
}

/** The same for a large vocabulary: PART_TOKENS tokens at a time. Input `parts`: how many times. */
function tokenScoresInParts(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  { hidden, ...perToken }: Wanted,
): [Value, Value] {
  const parts = g.input('parts', 'int64', []);
  const body = new Graph(g);
  const i = body.input('part', 'int64', []);
  body.input('partGoing', 'bool', []);
  const start = unsqueeze(body, mul(body, i, body.int64(PART_TOKENS)), 0);
  const end = add(body, start, body.int64s([PART_TOKENS]));
  const ofPart = (x: Value): Value => slice(body, x, start, end, 0, PART_TOKENS);
  const [logProbs, entropies] = tokenScores(body, config, parameter, {
    hidden,
    places: ofPart(perToken.places),
    labels: ofPart(perToken.labels),
    temperature: ofPart(perToken.temperature),
  });
  body.output('partGoingNext', less(body, i, body.int64(Number.MAX_SAFE_INTEGER)));
  body.output('partLogProbs', logProbs);
  body.output('partEntropies', entropies);
  const stacked = { type: 'float32' as const, shape: ['parts', PART_TOKENS] };
  const outputs = g.node('Loop', [parts, g.bool(true)], [stacked, stacked], { body });
  const flat = (x: Value): Value => reshape(g, x, [-1], ['wanted']);
  return [flat(outputs[0]), flat(outputs[1])];
}

/** Attended values [B, heads, S, headSize] and, if asked for, c [B, heads, S]. */
function blockAttention(
  g: Graph,
  config: ModelConfig,
  queries: Value /* [B, heads, S, headSize] */,
  keys: Value /* [B, kvHeads, S, headSize] */,
  values: Value,
  { block, blocks, triangle }: Cut,
  influence: InfluenceInputs | undefined,
): [Value, Value | undefined] {
  const { heads, kvHeads, headSize } = config;
  const length = g.node('Shape', [keys], [{ type: 'int64', shape: [1] }], { start: 2n, end: 3n })[0];
  const zeros = influence
    ? cast(g, mul(g, reshape(g, influence.reach, [0, 1, -1], ['rows', 1, 'length']), g.int64(0)), 'float32')
    : undefined;

  const body = new Graph(g);
  const i = body.input('index', 'int64', []);
  body.input('going', 'bool', []);
  const soFar = zeros && body.input('received', 'float32', ['rows', heads, 'length']);
  const start = unsqueeze(body, mul(body, i, block), 0);
  const end = add(body, start, unsqueeze(body, block, 0));
  // A group's query heads are rows of one product with the keys they share.
  const ofGroup = ['rows', kvHeads, 'group*block'];
  const byHeadShape = ['rows', heads, 'block'];
  const q = reshape(
    body,
    slice(body, queries, start, end, 2, 'block'),
    [0, kvHeads, -1, headSize],
    [...ofGroup, headSize],
  );
  const first = body.int64s([0]);
  const upToEnd = (x: Value): Value => slice(body, x, first, end, 2, 'end');
  const scores = matMul(body, q, upToEnd(keys), { transB: true, alpha: attentionScale(config) });
  // -1 would not do for both: the first reshape's is the block.
  const endShape = (leading: readonly number[]): Value =>
    concat(body, [body.int64s(leading), end], 0, leading.length + 1);
  const perQueryHead = reshapeTo(body, scores, endShape([0, heads, -1]), [...byHeadShape, 'end']);
  const p = softmax(body, add(body, perQueryHead, causalMask(body, triangle, start))); // [B, heads, Q, end]
  const mixed = matMul(body, reshapeTo(body, p, endShape([0, kvHeads, -1]), [...ofGroup, 'end']), upToEnd(values));
  const perHead = reshape(body, mixed, [0, heads, -1, headSize], [...byHeadShape, headSize]);
  body.output('goingNext', less(body, i, body.int64(Number.MAX_SAFE_INTEGER)));
  if (influence && soFar) {
    const onBlock = (x: Value): Value =>
      reshape(body, slice(body, x, start, end, 1, 'block'), [0, 1, -1, 1], ['rows', 1, 'block', 1]);
    const key = body.node(
      'Range',
      [body.int64(0), squeeze(body, end, 0), body.int64(1)],
      [{ type: 'int64', shape: ['end'] }],
    )[0];
    const counted = where(
      body,
      less(body, key, onBlock(influence.reach)),
      onBlock(influence.stepWeight),
      body.float(0),
    );
    const sum = reduceSum(body, mul(body, p, counted), [2]); // [B, heads, end]
    const ahead = body.node('Sub', [length, end], [{ type: 'int64', shape: [1] }])[0];
    const pads = concat(body, [body.int64s([0, 0, 0, 0, 0]), ahead], 0, 6);
    const padded = body.node('Pad', [sum, pads], [{ type: 'float32', shape: ['rows', heads, 'length'] }])[0];
    body.output('receivedNext', add(body, soFar, padded));
  }
  body.output('attended', perHead);

  const blockShape = ['blocks', 'rows', heads, 'block', headSize];
  const outputs = g.node(
    'Loop',
    [blocks, g.bool(true), ...(zeros ? [expandHeads(g, zeros, heads)] : [])],
    [
      ...(zeros ? [{ type: 'float32' as const, shape: ['rows', heads, 'length'] }] : []),
      { type: 'float32', shape: blockShape },
    ],
    { body },
  );
  const stacked = transpose(g, outputs.at(-1)!, [1, 2, 0, 3, 4]); // [B, heads, blocks, block, headSize]
  const attended = reshape(g, stacked, [0, heads, -1, headSize], ['rows', heads, 'length', headSize]);
  return [attended, zeros ? outputs[0] : undefined];
}

/** Attention within a block: 0 where a query may look, -Infinity ahead of it: [Q, Q]. */
function triangle(g: Graph, block: Value): Value {
  const places = g.node('Range', [g.int64(0), block, g.int64(1)], [{ type: 'int64', shape: ['block'] }])[0];
  const ahead = greater(g, unsqueeze(g, places, 0), unsqueeze(g, places, 1));
  return where(g, ahead, g.float(-Infinity), g.float(0));
}

/** Only the last block of keys can be ahead of a query: zeros before it. [Q, end] */
function causalMask(g: Graph, triangle: Value, start: Value): Value {
  const before = concat(g, [g.int64s([0]), start, g.int64s([0, 0])], 0, 4);
  return g.node('Pad', [triangle, before], [{ type: 'float32', shape: ['block', 'end'] }])[0];
}

function reshapeTo(g: Graph, x: Value, to: Value, shape: Value['shape']): Value {
  return g.node('Reshape', [x, to], [{ type: x.type, shape }])[0];
}

function expandHeads(g: Graph, x: Value, heads: number): Value {
  return g.node('Expand', [x, g.int64s([1, heads, 1])], [{ type: x.type, shape: ['rows', heads, 'length'] }])[0];
}

/** [B, S, heads * headSize] -> [B, heads, S, headSize] */
function byHead(g: Graph, x: Value, heads: number, headSize: number): Value {
  return transpose(g, reshape(g, x, [0, 0, heads, headSize], ['rows', 'length', heads, headSize]), [0, 2, 1, 3]);
}
