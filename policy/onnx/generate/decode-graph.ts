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
import { Graph, type Value } from '../graph.js';
import {
  add,
  and,
  cast,
  dimension,
  div,
  equal,
  gather,
  greater,
  identity,
  not,
  reduceMax,
  reduceSum,
  squeeze,
  sub,
  unsqueeze,
  where,
} from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { embed, logits, outputAndFeedForward, queriesKeysValues, ropeConstants } from '../transformer/layers.js';
import { constantParameters } from '../transformer/parameter-values.js';
import { hasLargeVocabulary, hasLargeWeights } from '../../model/large.js';
import type { Weights } from '../../model/parameters.js';
import { blockOf } from './cumulative.js';
import type { ChunkOfKeys } from './decode-attention.js';
import { layerAttention } from './layer-attention.js';
import { choicesOf, choose, type DecodeKind } from './run-kind.js';
import { draw } from './sample.js';
import { truncationInputs } from './truncation.js';

/**
 * Axes: R rows (slots in use), W tokens of a row at a time (K in a prefill, else 1), P prefix positions (padded), K chunk length,
 * F places of the chunk given as keys and values.
 */
export function decodeGraph(config: ModelConfig, weights: Weights, chunk: number, kind: DecodeKind): Graph {
  const { layers, kvHeads, headSize } = config;
  const g = new Graph();
  const parameter = constantParameters(g, config, weights, kind === 'any' || !hasLargeWeights(config));
  const rope = ropeConstants(g, config);

  const choices = choicesOf(g, kind);
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
  const truncation = choices.truncates === false ? undefined : truncationInputs(g);
  const rows = dimension(g, tokens, 0);
  const attention = layerAttention(g, config, chunk, rows, width, choices);
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
  const chunkEnd = add(body, unsqueeze(body, t, 0), body.int64s([1]));
  const at = add(body, positions, step);
  let x = embed(body, parameter, token); // [R, W, hidden]
  const grown: Value[] = [];
  for (let i = 0; i < layers; i++) {
    const projected = queriesKeysValues(body, config, parameter, rope, i, x, at);
    const { attended, grown: chunkOfKeys } = attention.attend(body, i, projected, carried[i], chunkEnd);
    grown.push(chunkOfKeys.keys, chunkOfKeys.values);
    const residual = i < layers - 1 ? x : attention.ofSampling(body, x);
    x = outputAndFeedForward(body, config, parameter, i, residual, attended);
  }
  // Not within the choice below: two subgraphs deep, onnxruntime packs no weights. Where it is looked at, all rows sample.
  const predicted = { ...logits(body, config, parameter, x), shape: ['rows', 1, config.vocabSize] };

  const block = hasLargeVocabulary(config) ? blockOf(config.vocabSize) : undefined;
  const [sampled, probability] = choose(
    body,
    choices.prefills,
    // Anything of the right shape.
    (branch) => [identity(branch, left), cast(branch, left, 'float32')],
    (branch) => {
      const scaled = div(branch, squeeze(branch, predicted, 1), temperature);
      const uniform = gather(branch, uniforms, t);
      return choose(
        branch,
        choices.truncates,
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
