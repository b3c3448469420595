/** Topic `tree`: nodes, values, advantages and training rows of a problem's tree. */
import { z } from 'zod';
import { processAdvantages } from '../../algorithm/advantages.js';
import { leafRows } from '../../algorithm/training-rows.js';
import type { SampledProblem } from '../../algorithm/training-rows.js';
import { buildTree } from '../../algorithm/tree.js';
import type { Leaf, Tree } from '../../algorithm/tree.js';
import { closely, exactly } from './compare.js';
import { checkCase, real } from './topic.js';
import type { Topic } from './topic.js';

const index = z.int().nullable();

const treeCase = z.object({
  max_response_len: z.int(),
  responses: z.array(
    z.object({
      len: z.int(),
      reward: z.number(),
      rollouts: z.array(z.object({ at: z.int(), len: z.int(), reward: z.number() })),
    }),
  ),
  expected: z.object({
    root_value: real,
    num_leaves: z.int(),
    nodes: z.array(
      z.object({
        node: z.string(),
        parent: z.string(),
        response: z.int(),
        rollout: index,
        start: z.int(),
        len: z.int(),
        value: real,
        adv: real,
        leaves: z.int(),
      }),
    ),
    leaves: z.array(
      z.object({
        leaf: z.enum(['chain', 'rollout']),
        response: z.int(),
        rollout: index,
        reward: z.number(),
        path: z.array(z.string()),
        length: z.int(),
        in_training: z.boolean(),
        initial_tokens: z.int().optional(),
        adv_rle: z.array(z.tuple([z.int(), real])).optional(),
      }),
    ),
  }),
});
type TreeCase = z.infer<typeof treeCase>;

export const treeTopic: Topic = {
  tree: checkCase(treeCase, ({ responses, max_response_len, expected }) => {
    const tree = buildTree(
      responses.map(({ len, reward, rollouts }) => ({
        length: len,
        reward,
        rollouts: rollouts.map((rollout) => ({ at: rollout.at, length: rollout.len, reward: rollout.reward })),
      })),
      { maxResponseLength: max_response_len },
    );
    const advantages = processAdvantages(tree);
    return [
      ...closely('root_value', tree.rootValue, expected.root_value),
      ...exactly('num_leaves', tree.leaves.length, expected.num_leaves),
      ...nodeDifferences(tree, advantages, expected.nodes),
      ...leafDifferences(tree, expected.leaves),
      ...rowDifferences(tree, advantages, responses, expected.leaves),
    ];
  }),
};

function nodeDifferences(tree: Tree, advantages: readonly number[], expected: TreeCase['expected']['nodes']): string[] {
  const names = nodeNames(tree);
  const actual = tree.nodes.map((node, i) => ({
    node: names[i],
    parent: node.parent < 0 ? 'root' : names[node.parent],
    response: node.response,
    rollout: node.rollout,
    start: node.start,
    len: node.length,
    leaves: node.leaves,
    value: node.value,
    adv: advantages[i],
  }));
  return [
    ...exactly('node names', names.toSorted(), expected.map(({ node }) => node).toSorted()),
    ...expected.flatMap(({ value, adv, ...shape }) => {
      const found = actual.find(({ node }) => node === shape.node);
      return [...exactly(shape.node, found, shape), ...closely(shape.node, found, { value, adv })];
    }),
  ];
}

function leafDifferences(tree: Tree, expected: TreeCase['expected']['leaves']): string[] {
  const names = nodeNames(tree);
  return expected.flatMap(({ response, rollout, reward, path, length, in_training, initial_tokens }) => {
    const leaf = tree.leaves.find((each) => each.response === response && each.rollout === rollout);
    const actual = leaf && {
      reward: leaf.reward,
      path: leaf.path.map((node) => names[node]),
      length: leaf.length,
      in_training: leaf.inTraining,
      initial_tokens: leaf.initialTokens,
    };
    const wanted = { reward, path, length, in_training, ...(initial_tokens === undefined ? {} : { initial_tokens }) };
    return exactly(leafName({ response, rollout }), actual, wanted);
  });
}

/** Advantage and origin (initial response: log-prob -1, rollout: -2) of every token of every training row. */
function rowDifferences(
  tree: Tree,
  advantages: readonly number[],
  responses: TreeCase['responses'],
  expected: TreeCase['expected']['leaves'],
): string[] {
  const tokens = (length: number, logProb: number) => ({
    tokens: new Array<number>(length).fill(0),
    logProbs: new Array<number>(length).fill(logProb),
  });
  const sampled: SampledProblem = {
    prompt: [],
    responses: responses.map(({ len, rollouts }) => ({
      ...tokens(len, -1),
      rollouts: rollouts.map((rollout) => tokens(rollout.len, -2)),
    })),
  };
  const rows = leafRows(sampled, tree, advantages);
  return tree.leaves
    .filter(({ inTraining }) => inTraining)
    .flatMap((leaf, row) => {
      const wanted = expected.find(({ response, rollout }) => response === leaf.response && rollout === leaf.rollout);
      const advantagesWanted = wanted?.adv_rle?.flatMap(([count, value]) => new Array<number>(count).fill(value));
      const initial = wanted?.initial_tokens ?? 0;
      const origins = Array.from(rows[row].oldLogProbs!, (_, t) => (t < initial ? -1 : -2));
      return [
        ...closely(`${leafName(leaf)} advantages`, rows[row].advantages, advantagesWanted),
        ...exactly(`${leafName(leaf)} log-probs`, rows[row].oldLogProbs!, origins),
      ];
    });
}

/** `r<j>s<i>`: i-th segment of chain j; `r<j>b<x>`: rollout x of response j. */
function nodeNames({ nodes }: Tree): string[] {
  const segments = new Map<number, number>();
  return nodes.map(({ response, rollout }) => {
    if (rollout !== null) return `r${response}b${rollout}`;
    const segment = segments.get(response) ?? 0;
    segments.set(response, segment + 1);
    return `r${response}s${segment}`;
  });
}

function leafName({ response, rollout }: Pick<Leaf, 'response' | 'rollout'>): string {
  return rollout === null ? `response ${response}` : `rollout ${rollout} of response ${response}`;
}
