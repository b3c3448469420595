/**
 * Generates up to K tokens per run of the graph: one `Loop` whose body is the model for one token of every row.
 *
 * Keys and values of the prefix [0, c K) are read-only and captured from outside the loop; those of the current chunk
 * are carried by it. Attention = (product over the prefix) + (product over the chunk) under one softmax. Chunks are
 * aligned to absolute positions, and `prefill-attention.ts` cuts its sums at the same places: so the bits of a token do not
 * depend on whether its prefix was prefilled, decoded, or decoded in another process.
 *
 * A session packs the weights that it is given into itself. A small model has a graph for each kind of run; one whose
 * packed weights should be there once has a single graph that is told by inputs what to do, also whether to prefill: the
 * body then runs once, for the K known tokens of a block.
 */
import { Graph, type Value } from '../onnx/graph.js';
import {
  add,
  and,
  cast,
  dimension,
  div,
  equal,
  expandToRows,
  gather,
  greater,
  identity,
  ifElse,
  mul,
  not,
  reduceMax,
  reduceSum,
  slice,
  squeeze,
  sub,
  unsqueeze,
  where,
} from '../onnx/operators.js';
import { groupSize, type ModelConfig } from '../transformer/config.js';
import {
  constantParameters,
  embed,
  logits,
  outputAndFeedForward,
  queriesKeysValues,
  ropeConstants,
} from '../transformer/layers.js';
import { hasLargeVocabulary, hasLargeWeights } from '../transformer/large.js';
import type { Weights } from '../transformer/parameters.js';
import { blockOf } from './cumulative.js';
import { type ChunkOfKeys, decodeAttention, type Projected, queryRowsOf } from './decode-attention.js';
import { ownAttention } from './own-attention.js';
import { blockOfKeys, prefillAttention } from './prefill-attention.js';
import { type PrefixAttention, prefixAttention, sharedPrefixes } from './prefix-attention.js';
import { draw } from './sample.js';
import { truncationInputs } from './truncation.js';

/** What a graph is made for; 'any': each run says it. */
export type DecodeKind = 'any' | RunKind;

export interface RunKind {
  /** Rows may have top-k or top-p. */
  readonly truncates: boolean;
  /** Rows have prefixes of their own behind those that siblings share. */
  readonly own: boolean;
}

/** Whether a run does something: decided when the graph is made, or told to each run as a bool []. */
type Choice = boolean | Value;

function choose(
  g: Graph,
  choice: Choice,
  whenTrue: (branch: Graph) => readonly Value[],
  whenFalse: (branch: Graph) => readonly Value[],
  shapes?: readonly Value['shape'][],
): readonly Value[] {
  if (typeof choice === 'boolean') return (choice ? whenTrue : whenFalse)(g);
  return ifElse(g, choice, whenTrue, whenFalse, shapes);
}

/** Axes: R rows (slots in use), W tokens of a row at a time (K in a prefill, else 1), P prefix positions (padded), K chunk length, F places of the chunk given as keys and values. */
export function decodeGraph(config: ModelConfig, weights: Weights, chunk: number, kind: DecodeKind): Graph {
  const { layers, kvHeads, headSize } = config;
  const g = new Graph();
  const parameter = constantParameters(g, config, weights, kind === 'any' || !hasLargeWeights(config));
  const rope = ropeConstants(g, config);

  const told = (name: string): Value => g.input(name, 'bool', []);
  const prefills: Choice = kind === 'any' ? told('prefills') : false;
  const hasOwn: Choice = kind === 'any' ? told('hasOwn') : kind.own;
  const truncates: Choice = kind === 'any' ? told('truncates') : kind.truncates;
  const width = kind === 'any' ? 'width' : 1;
  const steps = g.input('steps', 'int64', []);
  /** F: place in the chunk where the run begins; what lies before it was prefilled. */
  const first = g.input('first', 'int64', []);
  /** Those that the run begins with, and where they stand. */
  const tokens = g.input('tokens', 'int64', ['rows', width]);
  const positions = g.input('positions', 'int64', ['rows', width]);
  /** Known token at each place of the chunk, -1 where it is to be sampled; one place more, for the next chunk's first. */
  const known = g.input('known', 'int64', [chunk + 1, 'rows']);
  const uniforms = g.input('uniforms', 'float32', [chunk, 'rows']);
  const temperature = g.input('temperature', 'float32', ['rows', 1]);
  /** How many more tokens a row may sample. */
  const budget = g.input('budget', 'int64', ['rows']);
  /** Filled up with -1, which no token equals. */
  const stopIds = g.input('stopIds', 'int64', ['rows', 'stops']);
  const truncation = truncates === false ? undefined : truncationInputs(g);
  const rows = dimension(g, tokens, 0);
  const queryRows = queryRowsOf(config);
  const prefixes = sharedPrefixes(g, config);
  const shared = prefixAttention(g, config, prefixes, chunk, rows, queryRows);
  const own = hasOwn === false ? shared : ownAttention(g, config, shared, rows, queryRows);
  const ofBlock =
    prefills === false ? shared : prefixAttention(g, config, prefixes, chunk, rows, groupSize(config) * chunk);
  /** A prefill samples nothing: behind the last layer's keys and values it goes on with no row at all. */
  const sampling = typeof prefills === 'boolean' ? rows : mul(g, rows, cast(g, not(g, prefills), 'int64'));
  const ofSampling = (part: Graph, x: Value): Value =>
    prefills === false ? x : slice(part, x, part.int64s([0]), sampling, 0, 'sampling');
  const closed = expandToRows(g, g.float(-Infinity), rows, [kvHeads, queryRows, chunk]);
  const before = Array.from({ length: layers }, (_, i) => ({
    keys: g.input(`chunkKeys${i}`, 'float32', ['rows', kvHeads, 'first', headSize]),
    values: g.input(`chunkValues${i}`, 'float32', ['rows', kvHeads, 'first', headSize]),
  }));

  const body = new Graph(g);
  const step = body.input('step', 'int64', []);
  const t = add(body, step, first);
  body.input('going', 'bool', []);
  const token = body.input('token', 'int64', ['rows', width]);
  const left = body.input('left', 'int64', ['rows']);
  const carried = Array.from({ length: layers }, (_, i): ChunkOfKeys => ({
    keys: body.input(`carriedKeys${i}`, 'float32', ['rows', kvHeads, 'past', headSize]),
    values: body.input(`carriedValues${i}`, 'float32', ['rows', kvHeads, 'past', headSize]),
  }));
  const end = add(body, unsqueeze(body, t, 0), body.int64s([1]));
  const place = { end, ahead: slice(body, closed, end, body.int64s([chunk]), 3, 'ahead') };
  const decoded = (
    branch: Graph,
    layer: number,
    projected: Projected,
    attention: PrefixAttention = shared,
  ): readonly Value[] => {
    const { attended, grown } = decodeAttention(branch, config, attention, layer, projected, carried[layer], place);
    return [attended, grown.keys, grown.values];
  };
  const prefilled = (branch: Graph, layer: number, [q, k, v]: Projected): readonly Value[] => {
    const block = blockOfKeys(branch, config, chunk, k, v);
    const attended =
      layer < layers - 1 ? prefillAttention(branch, config, chunk, ofBlock, layer, q, block) : ofSampling(branch, q);
    return [attended, block.keys, block.values];
  };
  const grownShape = ['rows', kvHeads, 'past+width', headSize];

  const at = add(body, positions, step);
  let x = embed(body, parameter, token); // [R, W, hidden]
  const grown: Value[] = [];
  for (let i = 0; i < layers; i++) {
    const projected = queriesKeysValues(body, config, parameter, rope, i, x, at);
    const [attended, keys, values] = choose(
      body,
      prefills,
      (branch) => prefilled(branch, i, projected),
      (branch) =>
        choose(
          branch,
          hasOwn,
          (inner) => decoded(inner, i, projected, own),
          (inner) => decoded(inner, i, projected),
        ),
      [
        [prefills !== false && i === layers - 1 ? 'sampling' : 'rows', width, config.heads * headSize],
        grownShape,
        grownShape,
      ],
    );
    grown.push(keys, values);
    const residual = i < layers - 1 ? x : ofSampling(body, x);
    x = outputAndFeedForward(body, config, parameter, i, residual, attended);
  }
  // Not within the choice below: two subgraphs deep, onnxruntime packs no weights.
  const predicted = { ...logits(body, config, parameter, x), shape: ['rows', 1, config.vocabSize] };

  const block = hasLargeVocabulary(config) ? blockOf(config.vocabSize) : undefined;
  const [sampled, probability] = choose(
    body,
    prefills,
    // Anything of the right shape.
    (branch) => [identity(branch, left), cast(branch, left, 'float32')],
    (branch) => {
      const scaled = div(branch, squeeze(branch, predicted, 1), temperature);
      const uniform = gather(branch, uniforms, t);
      return choose(
        branch,
        truncates,
        (inner) => draw(inner, scaled, uniform, block, truncation),
        (inner) => draw(inner, scaled, uniform, block),
      );
    },
  );
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
  body.output('tokenNext', unsqueeze(body, next, 1));
  body.output('leftNext', leftNext);
  grown.forEach((value, i) => body.output(`grown${i}`, value));
  body.output('sampled', sampled);
  body.output('probability', probability);

  const kvOut = ['rows', kvHeads, 'first+ran', headSize];
  const outputs = g.node(
    'Loop',
    [steps, g.bool(true), tokens, budget, ...before.flatMap(({ keys, values }) => [keys, values])],
    [
      { type: 'int64', shape: ['rows', width] },
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
  g.output('drawn', outputs.at(-2)!);
  g.output('probabilities', outputs.at(-1)!);
  return g;
}
