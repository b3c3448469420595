/**
 * The model over packed trees, arranged for training. The same function as `transformer/layers.ts`, with passes over activations
 * saved: weights, which are smaller, are split (gate, up) and take in the norms' scales. The trees of a micro-batch stand
 * one behind another, without rows and padding; only attention knows where they begin.
 */
import type { Composites } from '../gradients.js';
import type { Graph, Value } from '../graph.js';
import {
  add,
  cast,
  concat,
  dimension,
  equal,
  exp,
  gather,
  gatherElements,
  logSoftmax,
  matMul,
  mul,
  neg,
  rmsNorm,
  scatterElements,
  silu,
  split,
  sub,
  unsqueeze,
} from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeWeights } from '../../model/large.js';
import { embed, headOf, linear, normaliseHeads } from '../transformer/layers.js';
import type { ParameterValues } from '../transformer/parameter-values.js';
import { type Attention, treeAttention } from './tree-attention.js';

/** int64. Axes: T tokens, N trained tokens, E of them that are not the first child of their predecessor. */
export interface ForwardInputs {
  readonly tokens: Value /* [T] */;
  readonly attention: Attention;
  /** The token before each trained token, [N]; first children come first. */
  readonly predecessors: Value;
  /** The first trained token behind each token, N where there is none: [T]. */
  readonly successors: Value;
  /** The token before each trained token that is a later child, [E]. */
  readonly laterSiblings: Value;
}

/** `logits` from which each trained token is drawn, / temperature: [N, V]; `embedded` tokens: [T, hidden]. */
export function forwardLogits(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  composites: Composites,
  inputs: ForwardInputs,
  temperature: number,
): { logits: Value; embedded: Value } {
  // Without a gradient: its rows are added outside, since a scatter in the graph would race.
  const build = () => ({ outputs: [embed(g, parameter, inputs.tokens)], rule: () => [] });
  const embedded = composites.add([], build)[0];
  let x = embedded;
  for (let i = 0; i < config.layers; i++) {
    x = add(g, x, attention(g, config, parameter, composites, inputs.attention, i, x));
    x = add(g, x, feedForward(g, config, parameter, i, x));
  }
  const last = hiddenBefore(g, composites, x, inputs); // [N, hidden]
  return { logits: headLogits(g, config, parameter, last, temperature), embedded };
}

/** Final norm and head: last hidden states [N, hidden] -> logits / temperature [N, V]. */
export function headLogits(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  last: Value,
  temperature: number,
): Value {
  const scale = mul(g, parameter('finalNorm'), g.float(1 / temperature));
  const [h] = rmsNorm(g, last, scale, config.rmsNormEps);
  return headOf(g, config, parameter, h);
}

function attention(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  composites: Composites,
  tiles: Attention,
  layer: number,
  x: Value,
): Value {
  const projected = projections(g, config, parameter, layer, x);
  const attended = treeAttention(g, config, composites, tiles, projected);
  return linear(g, config, attended, parameter(`layer${layer}.output`));
}

/** Queries, keys and values of each token, before their positions are worked in: [T, (heads + 2 kvHeads) * headSize]. */
export function projections(g: Graph, config: ModelConfig, parameter: ParameterValues, layer: number, x: Value): Value {
  const weight = scaled(g, config, parameter, `layer${layer}.qkv`, `layer${layer}.inputNorm`);
  const product = linear(g, config, normalised(g, config, x), weight);
  const projected = config.qkvBias ? add(g, product, parameter(`layer${layer}.qkvBias`)) : product;
  return config.qkNorm ? withNormalisedHeads(g, config, parameter, layer, projected) : projected;
}

function withNormalisedHeads(
  g: Graph,
  config: ModelConfig,
  parameter: ParameterValues,
  layer: number,
  projected: Value,
): Value {
  const { heads, kvHeads, headSize } = config;
  const sizes = [(heads + kvHeads) * headSize, kvHeads * headSize];
  const [qk, v] = split(g, projected, sizes, 1) as [Value, Value];
  return concat(g, [normaliseHeads(g, config, parameter, layer, qk), v], 1, projected.shape[1]);
}

export function feedForward(g: Graph, config: ModelConfig, parameter: ParameterValues, layer: number, x: Value): Value {
  const n = normalised(g, config, x);
  const sizes = [config.intermediateSize, config.intermediateSize];
  const both = scaled(g, config, parameter, `layer${layer}.gateUp`, `layer${layer}.postNorm`);
  const weights = split(g, both, sizes, hasLargeWeights(config) ? 0 : 1);
  const [gate, up] = weights.map((weight) => linear(g, config, n, weight)) as [Value, Value];
  return linear(g, config, mul(g, silu(g, gate), up), parameter(`layer${layer}.down`));
}

/** x / its root mean square; the norm's scale goes into the next weights. */
function normalised(g: Graph, config: ModelConfig, x: Value): Value {
  const ones = g.floats(
    [config.hiddenSize],
    Array.from({ length: config.hiddenSize }, () => 1),
  );
  return rmsNorm(g, x, ones, config.rmsNormEps)[0];
}

function scaled(g: Graph, config: ModelConfig, parameter: ParameterValues, weight: string, norm: string): Value {
  const scale = parameter(norm);
  return mul(g, parameter(weight), hasLargeWeights(config) ? scale : unsqueeze(g, scale, 1));
}

/**
 * Hidden states of the predecessors, [N, hidden]. A token may have several successors; the gradient of the first is
 * gathered and those of the few others are summed by a product with 0s and 1s: no scatter, which would race.
 */
function hiddenBefore(g: Graph, composites: Composites, x: Value, inputs: ForwardInputs): Value {
  const { predecessors, successors, laterSiblings } = inputs;
  const hidden = x.shape.at(-1)! as number;
  const build = () => {
    const last = gather(g, x, predecessors);
    const rule = ([gradient]: readonly (Value | undefined)[]): Value[] => {
      const none = g.floats(
        [1, hidden],
        Array.from({ length: hidden }, () => 0),
      );
      const first = gather(g, concat(g, [gradient!, none], 0, 'trained+1'), successors);
      const start = g.node(
        'Sub',
        [dimension(g, gradient!, 0), dimension(g, laterSiblings, 0)],
        [{ type: 'int64', shape: [1] }],
      )[0];
      const later = g.node(
        'Slice',
        [gradient, start, dimension(g, gradient!, 0), g.int64s([0])],
        [{ type: 'float32', shape: ['siblings', hidden] }],
      )[0];
      const size = g.node('Size', [successors], [{ type: 'int64', shape: [] }])[0];
      const place = g.node('Range', [g.int64(0), size, g.int64(1)], [{ type: 'int64', shape: ['tokens'] }])[0];
      const belongs = cast(g, equal(g, unsqueeze(g, place, 1), laterSiblings), 'float32'); // [T, E]
      return [add(g, first, matMul(g, belongs, later))];
    };
    return { outputs: [last], rule };
  };
  return composites.add([x], build)[0];
}

/** Log-probs of the labels [N, 1] and of everything [N, V]. d logits = (label - p) * d logProb, in one pass over p. */
export function labelLogProbs(
  g: Graph,
  composites: Composites,
  logits: Value,
  labels: Value /* [N, 1] */,
): { logProbs: Value; logDistribution: Value } {
  let logDistribution = logits;
  const build = () => {
    logDistribution = logSoftmax(g, logits);
    const logProbs = gatherElements(g, logDistribution, labels);
    const rule = ([gradient]: readonly (Value | undefined)[]): Value[] => {
      const p = exp(g, logDistribution);
      const less1 = scatterElements(g, p, labels, sub(g, exp(g, logProbs), g.float(1)));
      return [mul(g, less1, neg(g, gradient!))];
    };
    return { outputs: [logProbs], rule };
  };
  const logProbs = composites.add([logits], build)[0];
  return { logProbs, logDistribution };
}
