/**
 * Final norm, head and loss for some trained tokens: logits of a large vocabulary are there for these only. The loss is a
 * sum over tokens, so the gradients of all parts add up to that of the whole.
 *
 * Axes: N tokens of the part. Inputs: `last` [N, hidden], the hidden states they are drawn from; `labels` int64 [N, 1];
 * columns of the goal [N]. Outputs: `logProbs` [N]; of a policy `entropies` [N]; unless the goal is log-probs the gradient
 * of `last` and the parameters' sums (`segment.ts`).
 */
import { dropDeadNodes } from '../../dead-nodes.js';
import { Composites, gradients } from '../../gradients.js';
import { Graph } from '../../graph.js';
import { squeeze } from '../../operators.js';
import type { ModelConfig } from '../../../model/config.js';
import { parameterInputs } from '../../transformer/parameter-values.js';
import { headLogits, labelLogProbs } from '../forward.js';
import { entropies, gradientOf, lossOf, type TrainingGoal } from '../training-graph.js';
import { addSums, type SegmentGraph } from './segment.js';

export function headGraph(
  config: ModelConfig,
  goal: TrainingGoal,
  temperature: number,
  gradientRows: number,
): SegmentGraph {
  const g = new Graph();
  const composites = new Composites(g);
  const last = g.input('last', 'float32', ['trained', config.hiddenSize]);
  const labels = g.input('labels', 'int64', ['trained', 1]);
  const { used, parameter } = parameterInputs(g, config);
  const logits = headLogits(g, config, parameter, last, temperature);
  const { logProbs, logDistribution } = labelLogProbs(g, composites, logits, labels);
  const flat = squeeze(g, logProbs, 1);
  const entropy = goal.kind === 'policy' ? entropies(g, logDistribution) : undefined;
  let sums: string[] = [];
  if (goal.kind !== 'log-probs') {
    const [dLast, ...found] = gradients(g, lossOf(g, goal, flat), [last, ...used.values()], composites);
    g.output(gradientOf('last'), dLast);
    sums = addSums(g, used, found, gradientRows);
  }
  g.output('logProbs', flat);
  if (entropy) g.output('entropies', entropy);
  dropDeadNodes(g);
  return { graph: g, parameters: [...used.keys()], sums };
}
