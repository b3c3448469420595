/**
 * Attention of some tiles of queries to the keys on their paths (`attention-tiles.ts`), and its gradient. As
 * `tree-attention.ts`, but a few tiles per run, so that probabilities are there for these only; the gradient computes them
 * again. Keys and values come as blocks, and their gradients leave as one contribution per tile and block.
 *
 * Axes: n tiles, Q queries (tokens of a tile * heads of a group), L keys (blocks * BLOCK), A blocks in all, T tokens.
 */
import { Graph, type Value } from '../../graph.js';
import {
  add,
  and,
  gather,
  lessOrEqual,
  matMul,
  mul,
  reduceSum,
  reshape,
  softmax,
  sub,
  where,
} from '../../operators.js';
import { attentionScale, type ModelConfig } from '../../../model/config.js';
import { BLOCK } from '../../../training/attention-tiles.js';

/** Inputs as in `attended`; output `mixed`, [n, kvHeads, Q, headSize]. */
export function attentionGraph(config: ModelConfig): Graph {
  const g = new Graph();
  g.output('mixed', matMul(g, ...probabilitiesAndValues(g, config)));
  return g;
}

/**
 * Further inputs: what attention gave and its gradient, [T, heads * headSize] each.
 * Outputs: gradients of the tiles' `queries` [n, kvHeads, Q, headSize], `keys` and `values` [n, kvHeads, L, headSize].
 */
export function attentionGradientGraph(config: ModelConfig): Graph {
  const g = new Graph();
  const { heads, headSize } = config;
  const scale = attentionScale(config);
  const operands = attentionOperands(g, config);
  const { q, k, v } = operands;
  const p = probabilities(g, config, operands);
  const shape = ['tokens', heads * headSize];
  const mixed = ofTiles(g, config, g.input('attended', 'float32', shape), operands.rows);
  const dMixed = ofTiles(g, config, g.input('d attended', 'float32', shape), operands.rows);
  const mean = reduceSum(g, mul(g, dMixed, mixed), [3], true); // = sum of p dP over the keys
  const dScores = mul(g, sub(g, matMul(g, dMixed, v, { transB: true }), mean), p);
  g.output('d queries', matMul(g, dScores, k, { alpha: scale }));
  g.output('d keys', matMul(g, dScores, q, { transA: true, alpha: scale }));
  g.output('d values', matMul(g, p, dMixed, { transA: true }));
  return g;
}

interface Operands {
  /** Rows of one head each, [n, kvHeads, Q]. */
  readonly rows: Value;
  readonly q: Value /* [n, kvHeads, Q, headSize] */;
  readonly k: Value /* [n, kvHeads, L, headSize] */;
  readonly v: Value /* [n, kvHeads, L, headSize] */;
}

function attentionOperands(g: Graph, config: ModelConfig): Operands {
  const { heads, kvHeads, headSize } = config;
  const rows = g.input('rows', 'int32', ['tiles', kvHeads, 'queries']);
  const chosen = g.input('chosen', 'int32', ['tiles', kvHeads, 'blocks']);
  const blocks = (name: string): Value =>
    reshape(
      g,
      gather(g, g.input(name, 'float32', ['heads*blocks', BLOCK * headSize]), chosen),
      [0, 0, -1, headSize],
      ['tiles', kvHeads, 'keys', headSize],
    );
  const queries = g.input('queries', 'float32', ['tokens', heads * headSize]);
  return { rows, q: ofTiles(g, config, queries, rows), k: blocks('keyBlocks'), v: blocks('valueBlocks') };
}

function probabilities(g: Graph, config: ModelConfig, { q, k }: Operands): Value {
  const queryEnter = g.input('queryEnter', 'int32', ['tiles', 1, 'queries', 1]);
  const keyEnter = g.input('keyEnter', 'int32', ['tiles', 1, 1, 'keys']);
  const keyExit = g.input('keyExit', 'int32', ['tiles', 1, 1, 'keys']);
  const sees = and(g, lessOrEqual(g, keyEnter, queryEnter), lessOrEqual(g, queryEnter, keyExit));
  const mask = where(g, sees, g.float(0), g.float(-Infinity));
  return softmax(g, add(g, matMul(g, q, k, { transB: true, alpha: attentionScale(config) }), mask));
}

function probabilitiesAndValues(g: Graph, config: ModelConfig): [Value, Value] {
  const operands = attentionOperands(g, config);
  return [probabilities(g, config, operands), operands.v];
}

/** [T, heads * headSize] -> the tiles' rows, [n, kvHeads, Q, headSize] */
function ofTiles(g: Graph, { headSize }: ModelConfig, x: Value, rows: Value): Value {
  return gather(g, reshape(g, x, [-1, headSize], ['heads', headSize]), rows);
}
