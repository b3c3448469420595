/**
 * The gradient of one micro-batch as one graph: forward pass over packed trees, log-probs of the trained tokens, loss,
 * gradients of all parameters. What is reported of the loss is computed from the log-probs outside, in doubles
 * (`algorithm/loss.ts`).
 */
import type { PolicyLossSettings } from '../../../algorithm/loss.js';
import { dropDeadNodes } from '../dead-nodes.js';
import { Composites, gradients } from '../gradients.js';
import { Graph, type Value } from '../graph.js';
import { add, exp, mul, neg, reduceSum, squeeze } from '../operators.js';
import type { ModelConfig } from '../../model/config.js';
import { parameters } from '../../model/parameters.js';
import { type Parameter } from '../../model/parameter-list.js';
import { type ForwardInputs, forwardLogits, labelLogProbs } from './forward.js';
import { policyLossGraph } from './policy-loss-graph.js';
import { attentionInputs } from './tree-attention.js';

export type TrainingGoal =
  /** Log-probs only: of the frozen reference. */
  | { readonly kind: 'log-probs' }
  | { readonly kind: 'cross-entropy' }
  | {
      readonly kind: 'policy';
      readonly loss: PolicyLossSettings;
      /** Old log-probs are those that the pass itself finds, and no input. */
      readonly ownOldLogProbs?: boolean;
    };

/** Output: gradient of each token's embedding, [T, hidden]; to be added to the row of its id. */
export const EMBEDDED_GRADIENT = 'd embedded';
/** Name of the input with the sum of a parameter's gradient over the micro-batches before. */
export const sumBefore = (parameter: string): string => `sum ${parameter}`;
/** Name of the output with that sum and this micro-batch's gradient. It may be written over the sum it is made from. */
export const gradientOf = (parameter: string): string => `d ${parameter}`;

/** Parameters whose gradient the graph gives; of the embedding that is only the part from a tied head. */
export function differentiated(config: ModelConfig): Parameter[] {
  return parameters(config).filter(({ name }) => name !== 'embedding' || config.tiedHead);
}

/**
 * Axes as in `forward.ts`.
 * Outputs: `logProbs` [N]; of a policy `entropies` [N]; unless the goal is log-probs one gradient per parameter.
 * @param classes, rounds of attention: see `attention-tiles.ts`, `summation.ts`
 */
export function trainingGraph(
  config: ModelConfig,
  goal: TrainingGoal,
  temperature: number,
  { classes, rounds }: { readonly classes: number; readonly rounds: number },
): Graph {
  const g = new Graph();
  const composites = new Composites(g);
  const weights = new Map(parameters(config).map(({ name, shape }) => [name, g.input(name, 'float32', shape)]));
  const rope = {
    cos: g.input('ropeCos', 'float32', ['positions', config.headSize / 2]),
    sin: g.input('ropeSin', 'float32', ['positions', config.headSize / 2]),
  };
  const inputs: ForwardInputs = {
    tokens: g.input('tokens', 'int64', ['tokens']),
    attention: attentionInputs(g, config, rope, classes, rounds),
    predecessors: g.input('predecessors', 'int64', ['trained']),
    successors: g.input('successors', 'int64', ['tokens']),
    laterSiblings: g.input('laterSiblings', 'int64', ['siblings']),
  };
  const labels = g.input('labels', 'int64', ['trained', 1]);
  const { logits, embedded } = forwardLogits(g, config, (name) => weights.get(name)!, composites, inputs, temperature);
  const { logProbs, logDistribution } = labelLogProbs(g, composites, logits, labels);
  const flat = squeeze(g, logProbs, 1);

  const wanted: [string, Value][] = [['logProbs', flat]];
  if (goal.kind === 'policy') wanted.push(['entropies', entropies(g, logDistribution)]);
  if (goal.kind !== 'log-probs') {
    const loss = lossOf(g, goal, flat);
    const list = differentiated(config);
    const wrt = list.map(({ name }) => weights.get(name)!);
    const [dEmbedded, ...found] = gradients(g, loss, [embedded, ...wrt], composites);
    wanted.push([EMBEDDED_GRADIENT, dEmbedded]);
    list.forEach(({ name, shape }, i) => {
      wanted.push([gradientOf(name), add(g, found[i], g.input(sumBefore(name), 'float32', shape))]);
    });
  }
  for (const [name, value] of wanted) g.output(name, value);
  dropDeadNodes(g);
  return g;
}

/** Nats: log-probs of everything [N, V] -> [N]. */
export function entropies(g: Graph, logDistribution: Value): Value {
  return neg(g, reduceSum(g, mul(g, exp(g, logDistribution), logDistribution), [1]));
}

/** Of the trained tokens' log-probs [N]; what else it needs become inputs. */
export function lossOf(g: Graph, goal: Exclude<TrainingGoal, { readonly kind: 'log-probs' }>, logProbs: Value): Value {
  return goal.kind === 'policy' ? policyLossOf(g, logProbs, goal) : crossEntropyOf(g, logProbs);
}

function policyLossOf(
  g: Graph,
  logProbs: Value,
  { loss, ownOldLogProbs }: Extract<TrainingGoal, { kind: 'policy' }>,
): Value {
  const perToken = (name: string): Value => g.input(name, 'float32', ['trained']);
  const tokens = {
    logProbs,
    ...(ownOldLogProbs ? {} : { oldLogProbs: perToken('oldLogProbs') }),
    ...(loss.klWeight > 0 ? { refLogProbs: perToken('refLogProbs') } : {}),
    advantages: perToken('advantages'),
    shares: perToken('shares'),
  };
  return policyLossGraph(g, tokens, loss);
}

function crossEntropyOf(g: Graph, logProbs: Value): Value {
  const shares = g.input('shares', 'float32', ['trained']);
  return neg(g, reduceSum(g, mul(g, logProbs, shares), [0]));
}
