/**
 * A large model's pass in pieces: before a layer's attention, attention of some queries, behind it, and the
 * head. Weights are inputs (`parameter-values.ts`), so these graphs serve all layers. Axes: T tokens, S those of a sequence.
 */
import { Graph, type Value } from '../graph.js';
import { squeeze, unsqueeze } from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { outputAndFeedForward, queriesKeysValues } from '../transformer/layers.js';
import { parameterInputs } from '../transformer/parameter-values.js';
import { blockAttention, triangle } from './block-attention.js';
import { tokenScores } from './token-scores.js';

export interface PieceGraph {
  readonly graph: Graph;
  /** The parameters that it takes. */
  readonly parameters: ReadonlyMap<string, Value>;
}

/** Hidden states `x` [T, hidden] -> `queries`, `keys`, `values`, [T, number of heads * headSize] each. */
export function projectionGraph(config: ModelConfig): PieceGraph {
  const g = new Graph();
  const { used, parameter } = parameterInputs(g, config);
  const half = config.headSize / 2;
  const x = unsqueeze(g, g.input('x', 'float32', ['tokens', config.hiddenSize]), 0);
  const positions = g.input('positions', 'int64', [1, 'tokens']);
  const rope = {
    cos: g.input('ropeCos', 'float32', ['positions', half]),
    sin: g.input('ropeSin', 'float32', ['positions', half]),
  };
  const projected = queriesKeysValues(g, config, parameter, rope, 0, x, positions);
  ['queries', 'keys', 'values'].forEach((name, i) => g.output(name, squeeze(g, projected[i], 0)));
  return { graph: g, parameters: used };
}

/**
 * Output `attended` [rows, queries, heads * headSize] and, if asked for, `receivedAfter` [rows, heads, S]: what every key was
 * given by these queries and by those before them.
 */
export function attentionGraph(config: ModelConfig, withInfluence: boolean): PieceGraph {
  const g = new Graph();
  const { heads, kvHeads, headSize } = config;
  const projected = [
    g.input('queries', 'float32', ['rows', 'queries', heads * headSize]),
    g.input('keys', 'float32', ['rows', 'length', kvHeads * headSize]),
    g.input('values', 'float32', ['rows', 'length', kvHeads * headSize]),
  ];
  const block = g.input('block', 'int64', []);
  const blocks = g.input('blocks', 'int64', []);
  const cut = { block, blocks, triangle: triangle(g, block), before: g.input('before', 'int64', [1]) };
  const influence = withInfluence
    ? {
        stepWeight: g.input('stepWeight', 'float32', ['rows', 'queries']),
        reach: g.input('reach', 'int64', ['rows', 'queries']),
        received: g.input('receivedBefore', 'float32', ['rows', heads, 'length']),
      }
    : undefined;
  const [attended, received] = blockAttention(g, config, projected, cut, influence);
  g.output('attended', attended);
  if (received) g.output('receivedAfter', received);
  return { graph: g, parameters: new Map() };
}

/** Hidden states before a layer, `x`, and what its attention found -> hidden states behind it, `y` [T, hidden]. */
export function feedForwardGraph(config: ModelConfig): PieceGraph {
  const g = new Graph();
  const { used, parameter } = parameterInputs(g, config);
  const x = g.input('x', 'float32', ['tokens', config.hiddenSize]);
  const attended = g.input('attended', 'float32', ['tokens', config.heads * config.headSize]);
  g.output('y', outputAndFeedForward(g, config, parameter, 0, x, attended));
  return { graph: g, parameters: used };
}

/** Hidden states that predict wanted tokens, `last` [N, hidden] -> `logProbs`, `entropies`, [N] each. */
export function headGraph(config: ModelConfig): PieceGraph {
  const g = new Graph();
  const { used, parameter } = parameterInputs(g, config);
  const last = g.input('last', 'float32', ['wanted', config.hiddenSize]);
  const [logProbs, entropies] = tokenScores(g, config, parameter, last, {
    labels: g.input('labels', 'int64', ['wanted', 1]),
    temperature: g.input('temperature', 'float32', ['wanted', 1]),
  });
  g.output('logProbs', logProbs);
  g.output('entropies', entropies);
  return { graph: g, parameters: used };
}
