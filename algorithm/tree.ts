/**
 * The tree of one problem (algorithm.md 5): its initial responses as chains cut at their branch points, the branch rollouts as
 * siblings of the chain's own continuation.
 *
 * Paper (section 3.3): V(s) is the mean reward of the leaves below s.
 * Authors' code, where the paper is silent: one empty root per problem; unbranched responses are leaves too, but give no
 * training row; paths are cut at the response limit.
 * Left out: deeper trees (branching a branch).
 *
 * Only lengths and rewards are needed here; tokens join in training-rows.ts.
 */

interface RolloutOutcome {
  /** Tokens of the initial response that come before it, 0 <= at <= its length. */
  readonly at: number;
  /** New tokens. */
  readonly length: number;
  /** Verdict on the whole path, 0 or 1. */
  readonly reward: number;
}

export interface ResponseOutcome {
  readonly length: number;
  readonly reward: number;
  readonly rollouts: readonly RolloutOutcome[];
}

export interface TreeNode {
  /** Index of the parent in `nodes` (always smaller than the node's own), or -1 for the problem's empty root. */
  readonly parent: number;
  /** Index of the initial response the node belongs to. */
  readonly response: number;
  /** Index of the branch rollout within the response, or null for a segment of the response's own chain. */
  readonly rollout: number | null;
  /** First token, relative to the first response token of its path. */
  readonly start: number;
  /** Tokens, before any cut at the limit; 0 for the segment before a branch at token 0. */
  readonly length: number;
  /** Number of leaves at or below the node, at least 1. */
  readonly leaves: number;
  /** Mean reward of those leaves. */
  readonly value: number;
}

export interface Leaf {
  readonly response: number;
  /** Index of the branch rollout within the response, or null for the response itself. */
  readonly rollout: number | null;
  readonly reward: number;
  /** Node indices from the root's child to the leaf. */
  readonly path: readonly number[];
  /** Response tokens of the path after the cut at the limit. */
  readonly length: number;
  /** How many of them, from the front, come from the initial response. */
  readonly initialTokens: number;
  /** Whether the path gives a training row. */
  readonly inTraining: boolean;
}

export interface Tree {
  /** Parents stand before their children. */
  readonly nodes: readonly TreeNode[];
  readonly leaves: readonly Leaf[];
  /** V(root): mean reward over all leaves, unbranched responses included. */
  readonly rootValue: number;
  readonly maxResponseLength: number;
}

export interface TreeSettings {
  /** Response tokens beyond it do not count on a path. */
  readonly maxResponseLength: number;
  /** Train on responses that were never branched too (GRPO does); default false. */
  readonly trainUnbranched?: boolean;
}

/** Builds the tree of one problem; RangeError without responses or with a rollout outside its response. */
export function buildTree(responses: readonly ResponseOutcome[], settings: TreeSettings): Tree {
  if (responses.length === 0) throw new RangeError('a tree needs at least one response');
  const shapes: NodeShape[] = [];
  const leaves = responses.flatMap((outcome, response) => growResponse(shapes, outcome, response, settings));
  return {
    nodes: withValues(shapes, leaves),
    leaves,
    rootValue: leaves.reduce((sum, leaf) => sum + leaf.reward, 0) / leaves.length,
    maxResponseLength: settings.maxResponseLength,
  };
}

type NodeShape = Omit<TreeNode, 'leaves' | 'value'>;

/** Appends the response's nodes to `shapes`, chain first, and returns its leaves, the response itself first. */
function growResponse(
  shapes: NodeShape[],
  { length, reward, rollouts }: ResponseOutcome,
  response: number,
  { maxResponseLength, trainUnbranched = false }: TreeSettings,
): Leaf[] {
  const misplaced = rollouts.find(({ at }) => !(at >= 0 && at <= length));
  if (misplaced) throw new RangeError(`rollout at token ${misplaced.at} of response ${response} of ${length} tokens`);

  const cuts = [...new Set(rollouts.map(({ at }) => at))].sort((a, b) => a - b);
  const chain: number[] = [];
  [0, ...cuts].forEach((start, segment) => {
    const parent = chain.at(-1) ?? -1;
    chain.push(shapes.length);
    shapes.push({ parent, response, rollout: null, start, length: (cuts[segment] ?? length) - start });
  });

  const leafAt = (rollout: number | null, path: number[], pathReward: number, from: number, total: number): Leaf => {
    const cut = Math.min(total, maxResponseLength);
    const inTraining = path.length >= 2 || trainUnbranched;
    return { response, rollout, reward: pathReward, path, length: cut, initialTokens: Math.min(from, cut), inTraining };
  };
  const branches = rollouts.map((outcome, rollout) => {
    const prefix = chain.slice(0, cuts.indexOf(outcome.at) + 1);
    const node = shapes.length;
    shapes.push({ parent: prefix.at(-1) as number, response, rollout, start: outcome.at, length: outcome.length });
    return leafAt(rollout, [...prefix, node], outcome.reward, outcome.at, outcome.at + outcome.length);
  });
  return [leafAt(null, chain, reward, length, length), ...branches];
}

function withValues(shapes: readonly NodeShape[], leaves: readonly Leaf[]): TreeNode[] {
  const counts = shapes.map(() => 0);
  const rewards = shapes.map(() => 0);
  for (const { path, reward } of leaves) {
    for (const node of path) {
      counts[node] = counts[node] + 1;
      rewards[node] = rewards[node] + reward;
    }
  }
  return shapes.map((shape, node) => {
    const count = counts[node];
    return { ...shape, leaves: count, value: rewards[node] / count };
  });
}
