/**
 * From a problem's tree to rows of training tokens (algorithm.md 5 and 7).
 *
 * Authors' code: one row per leaf path, shared prefixes repeated.
 * **Ours:** one row per problem with every node once; a token that n training paths share has the same log-prob, old log-prob
 * and advantage in each, so counting it n times gives the same loss. The leaf-by-leaf rows are kept for comparison.
 * Tokens of an initial response keep the log-probs recorded when it was sampled, also on the paths of its branches.
 */

import type { Tree, TreeNode } from './tree.js';

/**
 * One problem's tree (or one leaf path: a tree that does not branch) as a row of training tokens, every node once.
 * All arrays have one entry per token; a parent's tokens stand before its children's.
 */
export interface TrainingSequence {
  readonly tokens: Int32Array;
  /** Index in this row of the token before it on its path, -1 for the first. The whole attention structure follows from it. */
  readonly predecessors: Int32Array;
  /** How many times the token counts in the loss: number of leaf paths through it; 0 = prompt, not trained on. */
  readonly weights: Float32Array;
  readonly advantages: Float32Array;
  /** Log-probs by the policy that sampled the token (recomputed by scoring); left out where that is the policy which learns. */
  readonly oldLogProbs?: Float32Array;
  /** Log-probs by the frozen reference; filled by the learner when left out and klWeight > 0. */
  readonly refLogProbs?: Float32Array;
}

/** New tokens of a rollout (its prefix left out) and their log-probs, if they were scored: of a problem all are, or none. */
interface SampledTokens {
  readonly tokens: ArrayLike<number>;
  readonly logProbs?: ArrayLike<number>;
}

interface SampledResponse extends SampledTokens {
  /** In the order of the tree's rollouts. */
  readonly rollouts: readonly SampledTokens[];
}

export interface SampledProblem {
  readonly prompt: ArrayLike<number>;
  /** In the order of the tree's responses. */
  readonly responses: readonly SampledResponse[];
}

/**
 * The problem as one row: the prompt, then every node that a training path uses, cut at the response limit.
 * @param advantages one per node of the tree
 * @throws RangeError when tokens do not fit the tree, or no path of the tree is trained on
 */
export function packTree(sampled: SampledProblem, tree: Tree, advantages: readonly number[]): TrainingSequence {
  requireFit(sampled, tree);
  const row = new RowBuilder(sampled.prompt);
  const lastToken: number[] = [];
  trainingPathsThrough(tree).forEach((weight, index) => {
    const node = tree.nodes[index];
    const before = node.parent < 0 ? row.promptEnd : lastToken[node.parent];
    const from = tokensOf(sampled, node);
    const count = weight === 0 ? 0 : Math.min(node.length, Math.max(tree.maxResponseLength - node.start, 0));
    lastToken[index] = row.append(from, count, before, weight, advantages[index]);
  });
  if (!row.trains)
    throw new RangeError('no path of the tree is trained on: such problems are dropped before (algorithm.md 4.2)');
  return row.build();
}

/** The same as one row per training path, in the order of the tree's leaves; shared prefixes are repeated. */
export function leafRows(sampled: SampledProblem, tree: Tree, advantages: readonly number[]): TrainingSequence[] {
  requireFit(sampled, tree);
  return tree.leaves
    .filter(({ inTraining }) => inTraining)
    .map(({ path, length }) => {
      const row = new RowBuilder(sampled.prompt);
      let before = row.promptEnd;
      let left = length;
      for (const index of path) {
        const node = tree.nodes[index];
        const count = Math.min(node.length, left);
        before = row.append(tokensOf(sampled, node), count, before, 1, advantages[index]);
        left -= count;
      }
      return row.build();
    });
}

/** Columns of a row under construction. */
class RowBuilder {
  readonly #tokens: number[] = [];
  readonly #predecessors: number[] = [];
  readonly #weights: number[] = [];
  readonly #advantages: number[] = [];
  readonly #oldLogProbs: number[] = [];
  #isScored = false;
  /** Index of the last prompt token; -1 for an empty prompt. */
  readonly promptEnd: number;

  constructor(prompt: ArrayLike<number>) {
    this.promptEnd = this.append({ tokens: prompt, offset: 0 }, prompt.length, -1, 0, 0);
  }

  get trains(): boolean {
    return this.#tokens.length > this.promptEnd + 1;
  }

  /** Adds `count` tokens behind the token at index `before`; returns the index of the last one (`before` when there is none). */
  append(from: TokenSource, count: number, before: number, weight: number, advantage: number): number {
    let last = before;
    this.#isScored ||= from.logProbs !== undefined;
    for (let i = from.offset; i < from.offset + count; i += 1) {
      this.#predecessors.push(last);
      last = this.#tokens.push(from.tokens[i]) - 1;
      this.#weights.push(weight);
      this.#advantages.push(advantage);
      this.#oldLogProbs.push(from.logProbs?.[i] ?? 0);
    }
    return last;
  }

  build(): TrainingSequence {
    return {
      tokens: Int32Array.from(this.#tokens),
      predecessors: Int32Array.from(this.#predecessors),
      weights: Float32Array.from(this.#weights),
      advantages: Float32Array.from(this.#advantages),
      ...(this.#isScored && { oldLogProbs: Float32Array.from(this.#oldLogProbs) }),
    };
  }
}

/** Where a node's tokens lie; a prompt has no log-probs. */
interface TokenSource {
  readonly tokens: ArrayLike<number>;
  readonly logProbs?: ArrayLike<number>;
  readonly offset: number;
}

function tokensOf(sampled: SampledProblem, { response, rollout, start }: TreeNode): TokenSource {
  const initial = sampled.responses[response];
  return rollout === null ? { ...initial, offset: start } : { ...initial.rollouts[rollout], offset: 0 };
}

/** Per node, the training paths that contain it. */
function trainingPathsThrough({ nodes, leaves }: Tree): number[] {
  const paths = nodes.map(() => 0);
  for (const { path, inTraining } of leaves) {
    if (inTraining) for (const node of path) paths[node] = paths[node] + 1;
  }
  return paths;
}

function requireFit(sampled: SampledProblem, tree: Tree): void {
  for (const node of tree.nodes) {
    const where = `response ${node.response}${node.rollout === null ? '' : `, rollout ${node.rollout}`}`;
    const initial = sampled.responses[node.response];
    const source = node.rollout === null ? initial : initial?.rollouts[node.rollout];
    if (!source) throw new RangeError(`${where} of the tree has no tokens`);
    const needed = node.rollout === null ? node.start + node.length : node.length;
    const scored = source.logProbs?.length ?? source.tokens.length;
    if (source.tokens.length < needed || scored !== source.tokens.length) {
      throw new RangeError(`${where} needs ${needed} tokens with log-probs, got ${source.tokens.length} and ${scored}`);
    }
  }
}
