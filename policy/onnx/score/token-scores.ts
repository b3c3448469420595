/** From last hidden states to log-probs and entropies of the wanted tokens. Axes: N wanted tokens. */
import { Graph, type Value } from '../graph.js';
import {
  add,
  div,
  gatherElements,
  less,
  logSoftmax,
  matMul,
  mul,
  neg,
  reshape,
  slice,
  softmax,
  squeeze,
  unsqueeze,
} from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { logits } from '../transformer/layers.js';
import type { ParameterValues } from '../transformer/parameter-values.js';

/**
 * Wanted tokens whose logits of a large vocabulary are computed at a time; their number is padded to a multiple of it. Each
 * product reads the whole head: with 64 the head takes a sixth longer; 128 take as long and 30 MiB more; 256 take a tenth less
 * time and 190 MiB more.
 */
export const PART_TOKENS = 96;

export interface Wanted {
  readonly labels: Value /* int64 [N, 1] */;
  readonly temperature: Value /* [N, 1] */;
}

/** @param last hidden states that predict the tokens, [N, hidden]. @returns log-probs and entropies, [N] each */
export function tokenScores(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  last: Value,
  { labels, temperature }: Wanted,
): [Value, Value] {
  const scaled = div(g, logits(g, config, parameter, last), temperature);
  const logP = logSoftmax(g, scaled);
  const logProbs = squeeze(g, gatherElements(g, logP, labels), 1);
  // As a product per row: a reduction's sums depend on where in memory the row begins.
  const sum = matMul(g, unsqueeze(g, softmax(g, scaled), 1), unsqueeze(g, logP, 2)); // [N, 1, 1]
  return [logProbs, neg(g, reshape(g, sum, [-1], ['wanted']))];
}

/** The same PART_TOKENS tokens at a time. Input `parts`: how many times. */
export function tokenScoresInParts(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  last: Value,
  wanted: Wanted,
): [Value, Value] {
  const parts = g.input('parts', 'int64', []);
  const body = new Graph(g);
  const i = body.input('part', 'int64', []);
  body.input('partGoing', 'bool', []);
  const start = unsqueeze(body, mul(body, i, body.int64(PART_TOKENS)), 0);
  const end = add(body, start, body.int64s([PART_TOKENS]));
  const ofPart = (x: Value): Value => slice(body, x, start, end, 0, PART_TOKENS);
  const [logProbs, entropies] = tokenScores(body, config, parameter, ofPart(last), {
    labels: ofPart(wanted.labels),
    temperature: ofPart(wanted.temperature),
  });
  body.output('partGoingNext', less(body, i, body.int64(Number.MAX_SAFE_INTEGER)));
  body.output('partLogProbs', logProbs);
  body.output('partEntropies', entropies);
  const stacked = { type: 'float32' as const, shape: ['parts', PART_TOKENS] };
  const outputs = g.node('Loop', [parts, g.bool(true)], [stacked, stacked], { body });
  const flat = (x: Value): Value => reshape(g, x, [-1], ['wanted']);
  return [flat(outputs[0]), flat(outputs[1])];
}
