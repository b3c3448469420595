/**
 * Generates up to K tokens per run of the graph: one `Loop` whose body is the model for one token of every row.
 *
 * Keys and values of the prefix [0, c K) are read-only and captured from outside the loop; those of the current chunk
 * are carried by it. Attention = (product over the prefix) + (product over the chunk) under one softmax. Chunks are
 * aligned to absolute positions, and `prefill-graph.ts` cuts its sums at the same places: so the bits of a token do not
 * depend on whether its prefix was prefilled, decoded, or decoded in another process.
 */
import { attentionScale, groupSize, type ModelConfig } from '../transformer/config.js';
import {
  constantParameters,
  embed,
  logits,
  outputAndFeedForward,
  queriesKeysValues,
  ropeConstants,
} from '../transformer/layers.js';
import type { Weights } from '../transformer/parameters.js';
import { ownAttention } from './own-attention.js';
import { prefixAttention } from './prefix-attention.js';
import { truncated, truncationInputs } from './truncation.js';
import { Graph, type Value } from '../onnx/graph.js';
import {
  add,
  and,
  cast,
  concat,
  cumSum,
  dimension,
  div,
  equal,
  expandToRows,
  gather,
  gatherElements,
  greater,
  less,
  matMul,
  min,
  mul,
  not,
  reduceMax,
  reduceSum,
  reshape,
  slice,
  softmax,
  squeeze,
  sub,
  unsqueeze,
  where,
} from '../onnx/operators.js';

/** What a graph is made for. */
export interface DecodeKind {
  /** Rows may have top-k or top-p. */
  readonly truncates: boolean;
  /** Rows have prefixes of their own behind those that siblings share. */
  readonly own: boolean;
}

/** Axes: R rows (slots in use), P prefix positions (padded), K chunk length, F places of the chunk given as keys and values. */
export function decodeGraph(config: ModelConfig, weights: Weights, chunk: number, kind: DecodeKind): Graph {
  const { layers, kvHeads, headSize, vocabSize } = config;
  const group = groupSize(config);
  // A product of one row takes a kernel of its own (GEMV), whose sums have other bits than prefill's: never have just one.
  const queryRows = Math.max(2, group);
  const g = new Graph();
  const parameter = constantParameters(g, config, weights);
  const rope = ropeConstants(g, config);

  const steps = g.input('steps', 'int64', []);
  /** F: place in the chunk where the run begins; what lies before it was prefilled. */
  const first = g.input('first', 'int64', []);
  /** Known token at each place of the chunk, -1 where it is to be sampled; one place more, for the next chunk's first. */
  const known = g.input('known', 'int64', [chunk + 1, 'rows']);
  const uniforms = g.input('uniforms', 'float32', [chunk, 'rows']);
  const temperature = g.input('temperature', 'float32', ['rows', 1]);
  const start = g.input('start', 'int64', ['rows', 1]);
  /** How many more tokens a row may sample. */
  const budget = g.input('budget', 'int64', ['rows']);
  /** Filled up with -1, which no token equals. */
  const stopIds = g.input('stopIds', 'int64', ['rows', 'stops']);
  const truncation = kind.truncates ? truncationInputs(g) : undefined;
  const rows = dimension(g, start, 0);
  const shared = prefixAttention(g, config, chunk, rows, queryRows);
  const prefix = kind.own ? ownAttention(g, config, shared, rows, queryRows) : shared;
  // The softmax is over K + P places as in prefill, the chunk's first: its vectorised sum then adds every term in the same
  // lane and order, however far the prefix is padded. So scores ahead in the chunk are there, at -Infinity.
  const closed = expandToRows(g, g.float(-Infinity), rows, [kvHeads, queryRows, chunk]);
  const before = Array.from({ length: layers }, (_, i) => ({
    keys: g.input(`chunkKeys${i}`, 'float32', ['rows', kvHeads, 'first', headSize]),
    values: g.input(`chunkValues${i}`, 'float32', ['rows', kvHeads, 'first', headSize]),
  }));

  const body = new Graph(g);
  const t = add(body, body.input('step', 'int64', []), first);
  body.input('going', 'bool', []);
  const token = body.input('token', 'int64', ['rows']);
  const left = body.input('left', 'int64', ['rows']);
  const carried = Array.from({ length: layers }, (_, i) => ({
    keys: body.input(`carriedKeys${i}`, 'float32', ['rows', kvHeads, 'past', headSize]),
    values: body.input(`carriedValues${i}`, 'float32', ['rows', kvHeads, 'past', headSize]),
  }));

  const t1 = unsqueeze(body, t, 0);
  const next1 = add(body, t1, body.int64s([1]));
  const positions = add(body, start, t);
  let x = unsqueeze(body, embed(body, parameter, token), 1); // [R, 1, hidden]
  const grown: Value[] = [];
  for (let i = 0; i < layers; i++) {
    const [q, k, v] = queriesKeysValues(body, config, parameter, rope, i, x, positions);
    const perHead = [0, kvHeads, 1, headSize];
    const headShape = ['rows', kvHeads, 1, headSize];
    const keys = concat(body, [carried[i].keys, reshape(body, k, perHead, headShape)], 2, 'past+1');
    const values = concat(body, [carried[i].values, reshape(body, v, perHead, headShape)], 2, 'past+1');
    grown.push(keys, values);
    const ofGroup = reshape(body, q, [0, kvHeads, group, headSize], ['rows', kvHeads, group, headSize]);
    const twice = group < queryRows ? concat(body, [ofGroup, ofGroup], 2, queryRows) : ofGroup;
    const queries = mul(body, twice, body.float(attentionScale(config)));
    const prefixScores = prefix.scores(body, i, queries);
    const chunkScores = matMul(body, queries, keys, { transB: true });
    const ahead = slice(body, closed, next1, body.int64s([chunk]), 3, 'ahead');
    const p = softmax(body, concat(body, [chunkScores, ahead, ...prefixScores], 3, 'chunk+prefix'));
    const onChunk = slice(body, p, body.int64s([0]), next1, 3, 'past+1');
    const mixed = add(body, prefix.mix(body, i, p), matMul(body, onChunk, values));
    const perHeadMixed =
      group < queryRows ? slice(body, mixed, body.int64s([0]), body.int64s([group]), 2, group) : mixed;
    const attended = reshape(body, perHeadMixed, [0, 1, config.heads * headSize], ['rows', 1, config.heads * headSize]);
    x = outputAndFeedForward(body, config, parameter, i, x, attended);
  }

  // Inverse of the cumulative distribution: the number of ids whose cumulative probability is below u.
  const scaled = div(body, squeeze(body, logits(body, config, parameter, x), 1), temperature);
  const p = softmax(body, scaled); // [R, V]
  const u = unsqueeze(body, gather(body, uniforms, t), 1); // [R, 1]
  const { cumulative, bound } = truncation
    ? truncated(body, p, u, truncation)
    : { cumulative: cumSum(body, p, 1), bound: u };
  const below = cast(body, less(body, cumulative, bound), 'int32');
  const count = min(body, reduceSum(body, below, [1]), body.int32(vocabSize - 1));
  const sampled = cast(body, count, 'int64'); // [R]
  // The logarithm is taken outside: vectorised ones give other bits at the end of a row of numbers than within it.
  const probability = squeeze(body, gatherElements(body, p, unsqueeze(body, sampled, 1)), 1);

  const knownNext = gather(body, known, add(body, t, body.int64(1)));
  const isKnown = greater(body, knownNext, body.int64(-1));
  const next = where(body, isKnown, knownNext, sampled);
  // A row is spent when it has sampled a stop id or its budget; the loop ends when all rows are.
  const isStop = cast(body, equal(body, unsqueeze(body, sampled, 1), stopIds), 'int32'); // [R, stops]
  const stops = and(body, not(body, isKnown), greater(body, reduceSum(body, isStop, [1]), body.int32(0)));
  const spentOne = where(body, isKnown, left, sub(body, left, body.int64(1)));
  const leftNext = where(body, stops, body.int64(0), spentOne);
  const going = greater(body, squeeze(body, reduceMax(body, leftNext, [0], true), 0), body.int64(0));

  body.output('goingNext', going);
  body.output('tokenNext', next);
  body.output('leftNext', leftNext);
  grown.forEach((value, i) => body.output(`grown${i}`, value));
  body.output('sampled', sampled);
  body.output('probability', probability);

  const inputs = [steps, g.bool(true), gather(g, known, first), budget];
  const kvOut = ['rows', kvHeads, 'first+ran', headSize];
  const outputs = g.node(
    'Loop',
    [...inputs, ...before.flatMap(({ keys, values }) => [keys, values])],
    [
      { type: 'int64', shape: ['rows'] },
      { type: 'int64', shape: ['rows'] },
      ...grown.map(() => ({ type: 'float32' as const, shape: kvOut })),
      { type: 'int64', shape: ['ran', 'rows'] },
      { type: 'float32', shape: ['ran', 'rows'] },
    ],
    { body },
  );
  for (let i = 0; i < layers; i++) {
    g.output(`newKeys${i}`, outputs[2 + 2 * i]);
    g.output(`newValues${i}`, outputs[3 + 2 * i]);
  }
  g.output('tokens', outputs.at(-2)!);
  g.output('probabilities', outputs.at(-1)!);
  return g;
}
