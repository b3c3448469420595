/** One teacher-forced pass: log-probs and entropies of the wanted tokens and, if asked for, FCI before zeroing. */
import { Graph, type Value } from '../graph.js';
import { cast, concat, gather, matMul, mul, reduceMax, reshape, squeeze } from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeVocabulary } from '../../model/large.js';
import { embed, outputAndFeedForward, queriesKeysValues, ropeConstants } from '../transformer/layers.js';
import { constantParameters } from '../transformer/parameter-values.js';
import type { Weights } from '../../model/parameters.js';
import { blockAttention, triangle } from './block-attention.js';
import { tokenScores, tokenScoresInParts } from './token-scores.js';

export interface ScoreKind {
  readonly withInfluence: boolean;
  /** Without, tokens are given as they stand in the rows: there is nothing to bring there and back. */
  readonly shares: boolean;
}

/** Axes: B rows, S padded length, D distinct tokens, N wanted tokens, K steps (padded). */
export function scoreGraph(config: ModelConfig, weights: Weights, { withInfluence, shares }: ScoreKind): Graph {
  const g = new Graph();
  const parameter = constantParameters(g, config, weights);
  const rope = ropeConstants(g, config);
  const { heads } = config;

  // Distinct tokens as if each were a row: onnxruntime wants as many positions as a row has tokens.
  const layout = shares ? ['distinct', 1] : ['rows', 'length'];
  const tokens = g.input('tokens', 'int64', layout);
  const positions = g.input('positions', 'int64', layout);
  /** The distinct token at each place of the rows. */
  const spread = shares ? g.input('spread', 'int64', ['rows', 'length']) : undefined;
  /** A place in [B * S] at which each distinct token stands. */
  const found = shares ? g.input('found', 'int64', layout) : undefined;
  /** Queries of a block, and how many blocks make S. */
  const block = g.input('block', 'int64', []);
  const blocks = g.input('blocks', 'int64', []);
  /** Tokens whose hidden state predicts a wanted token, by where they are in the layout. */
  const predecessors = g.input('predecessors', 'int64', ['wanted', 1]);
  const labels = g.input('labels', 'int64', ['wanted', 1]);
  const temperature = g.input('temperature', 'float32', ['wanted', 1]);
  const influence = withInfluence ? influenceInputs(g, heads) : undefined;

  const chosen = (y: Value, which?: Value): Value => (which ? gather(g, together(g, y), which) : y);
  const cut = { block, blocks, triangle: triangle(g, block) };
  const received: Value[] = [];
  let x = embed(g, parameter, tokens);
  for (let i = 0; i < config.layers; i++) {
    const projected = queriesKeysValues(g, config, parameter, rope, i, x, positions);
    const inRows = projected.map((y) => chosen(y, spread)) as [Value, Value, Value];
    const [attended, c] = blockAttention(g, config, inRows, cut, influence);
    if (c) received.push(c);
    // Behind the last attention, only what predicts a wanted token is gone on with.
    const goesOn = i === config.layers - 1 ? predecessors : undefined;
    x = outputAndFeedForward(g, config, parameter, i, chosen(x, goesOn), chosen(chosen(attended, found), goesOn));
  }

  const last = squeeze(g, x, 1); // [N, hidden]
  const wanted = { labels, temperature };
  const [logProbs, entropies] = hasLargeVocabulary(config)
    ? tokenScoresInParts(g, config, parameter, last, wanted)
    : tokenScores(g, config, parameter, last, wanted);
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

/** [.., .., width] -> [.. * .., width] */
function together(g: Graph, x: Value): Value {
  const width = x.shape[2] as number;
  return reshape(g, x, [-1, width], [`${x.shape[0]}*${x.shape[1]}`, width]);
}

function influenceInputs(g: Graph, heads: number) {
  const stepWeight = g.input('stepWeight', 'float32', ['rows', 'length']);
  const reach = g.input('reach', 'int64', ['rows', 'length']);
  const none = cast(g, mul(g, reshape(g, reach, [0, 1, -1], ['rows', 1, 'length']), g.int64(0)), 'float32');
  const shape = ['rows', heads, 'length'];
  const received = g.node('Expand', [none, g.int64s([1, heads, 1])], [{ type: 'float32', shape }])[0];
  return { stepWeight, reach, received };
}
