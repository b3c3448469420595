import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { groupAdvantages, processAdvantages } from '../../algorithm/advantages.js';
import { buildTree } from '../../algorithm/tree.js';
import type { ResponseOutcome, Tree } from '../../algorithm/tree.js';
import { responseOutcomes, reward } from './arbitraries.js';

const unlimited = { maxResponseLength: Infinity };
const childrenOf = (tree: Tree, parent: number) =>
  tree.nodes.map((node, index) => ({ ...node, index })).filter((node) => node.parent === parent);

/** Nodes and advantages without their place in the list, to compare trees whose parts stand in another order. */
function contents(responses: readonly ResponseOutcome[]): string[] {
  const tree = buildTree(responses, unlimited);
  const advantages = processAdvantages(tree);
  return tree.nodes
    .map((node, i) => [node.start, node.length, node.leaves, node.value.toFixed(9), advantages[i].toFixed(9)].join(' '))
    .sort();
}

describe('tree', () => {
  test('has a leaf for each response and each rollout, whose path spells its length', () => {
    fc.assert(
      fc.property(responseOutcomes, (responses) => {
        const { leaves, nodes } = buildTree(responses, unlimited);
        expect(leaves).toHaveLength(responses.reduce((sum, { rollouts }) => sum + 1 + rollouts.length, 0));
        for (const leaf of leaves) {
          const response = responses[leaf.response];
          const rollout = leaf.rollout === null ? undefined : response.rollouts[leaf.rollout];
          expect(leaf.length).toBe(rollout ? rollout.at + rollout.length : response.length);
          expect(leaf.path.reduce((sum, node) => sum + nodes[node].length, 0)).toBe(leaf.length);
          expect(leaf.initialTokens).toBe(rollout ? rollout.at : response.length);
          expect(leaf.inTraining).toBe(response.rollouts.length > 0);
        }
      }),
    );
  });

  test('has parents before children, and children that start where their parent ends', () => {
    fc.assert(
      fc.property(responseOutcomes, (responses) => {
        const { nodes } = buildTree(responses, unlimited);
        nodes.forEach(({ parent, start }, index) => {
          expect(parent).toBeLessThan(index);
          expect(start).toBe(parent < 0 ? 0 : nodes[parent].start + nodes[parent].length);
        });
      }),
    );
  });

  test("weights of children by leaves make up their parent's value, at the root too", () => {
    fc.assert(
      fc.property(responseOutcomes, (responses) => {
        const tree = buildTree(responses, unlimited);
        const check = (index: number, value: number, leaves: number) => {
          const children = childrenOf(tree, index);
          if (children.length === 0) return;
          expect(children.reduce((sum, child) => sum + child.leaves, 0)).toBe(leaves);
          expect(children.reduce((sum, child) => sum + child.leaves * child.value, 0)).toBeCloseTo(leaves * value, 9);
        };
        check(-1, tree.rootValue, tree.leaves.length);
        tree.nodes.forEach((node, index) => check(index, node.value, node.leaves));
      }),
    );
  });

  test('does not depend on the order of responses and rollouts', () => {
    fc.assert(
      fc.property(responseOutcomes, (responses) => {
        const reversed = responses
          .toReversed()
          .map((response) => ({ ...response, rollouts: response.rollouts.toReversed() }));
        expect(contents(reversed)).toEqual(contents(responses));
      }),
    );
  });

  test('cuts paths at the response limit, and nothing else', () => {
    fc.assert(
      fc.property(responseOutcomes, fc.nat(30), (responses, limit) => {
        const cut = buildTree(responses, { maxResponseLength: limit });
        const whole = buildTree(responses, unlimited);
        expect(cut.nodes).toEqual(whole.nodes);
        cut.leaves.forEach((leaf, i) => {
          expect(leaf.length).toBe(Math.min(whole.leaves[i].length, limit));
          expect(leaf.initialTokens).toBe(Math.min(whole.leaves[i].initialTokens, limit));
        });
      }),
    );
  });

  test('a branch at token 0 hangs below an empty first segment', () => {
    const responses = [{ length: 3, reward: 0, rollouts: [{ at: 0, length: 2, reward: 1 }] }];
    const { nodes, leaves } = buildTree(responses, unlimited);
    expect(nodes.map(({ parent, start, length }) => [parent, start, length])).toEqual([
      [-1, 0, 0],
      [0, 0, 3],
      [0, 0, 2],
    ]);
    expect(leaves.map(({ path }) => path)).toEqual([
      [0, 1],
      [0, 2],
    ]);
  });

  test('a repeated branch point is one cut with all its rollouts', () => {
    const rollout = { at: 2, length: 1, reward: 1 };
    const { nodes } = buildTree([{ length: 5, reward: 0, rollouts: [rollout, rollout, rollout, rollout] }], unlimited);
    expect(nodes.map(({ parent }) => parent)).toEqual([-1, 0, 0, 0, 0, 0]);
    expect(nodes[0]).toMatchObject({ leaves: 5, value: 0.8 });
  });

  test('trains unbranched responses on demand', () => {
    const responses = [{ length: 5, reward: 1, rollouts: [] }];
    expect(buildTree(responses, { ...unlimited, trainUnbranched: true }).leaves[0].inTraining).toBe(true);
  });

  test('without responses, or with a rollout outside its response, is refused', () => {
    expect(() => buildTree([], unlimited)).toThrow(RangeError);
    const rollouts = [{ at: 4, length: 1, reward: 0 }];
    expect(() => buildTree([{ length: 3, reward: 0, rollouts }], unlimited)).toThrow(/token 4 of response 0/);
  });
});

describe('process advantages', () => {
  test('of the worked example: one response, one branch point, two rollouts', () => {
    const rollouts = [
      { at: 4, length: 4, reward: 0 },
      { at: 4, length: 5, reward: 1 },
    ];
    const tree = buildTree([{ length: 10, reward: 1, rollouts }], unlimited);
    [0, 2 / 3, -4 / 3, 2 / 3].forEach((expected, i) => expect(processAdvantages(tree)[i]).toBeCloseTo(expected, 12));
  });

  test('of siblings, weighted by leaves, sum to the gain of their parent over the root', () => {
    fc.assert(
      fc.property(responseOutcomes, (responses) => {
        const tree = buildTree(responses, unlimited);
        const advantages = processAdvantages(tree);
        [-1, ...tree.nodes.keys()].forEach((parent) => {
          const children = childrenOf(tree, parent);
          if (children.length === 0) return;
          const sum = children.reduce((total, child) => total + advantages[child.index] * child.leaves ** 1.5, 0);
          const leaves = children.reduce((total, child) => total + child.leaves, 0);
          const gain = parent < 0 ? 0 : tree.nodes[parent].value - tree.rootValue;
          expect(sum).toBeCloseTo(leaves * gain, 8);
        });
      }),
    );
  });

  test('are zero everywhere when all leaves agree', () => {
    fc.assert(
      fc.property(responseOutcomes, reward, (responses, verdict) => {
        const agreed = responses.map((response) => ({
          ...response,
          reward: verdict,
          rollouts: response.rollouts.map((rollout) => ({ ...rollout, reward: verdict })),
        }));
        for (const advantage of processAdvantages(buildTree(agreed, unlimited))) expect(advantage).toBeCloseTo(0, 12);
      }),
    );
  });
});

describe('group advantages', () => {
  const rewards = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 12 });

  test('sum to zero and keep the order of the rewards', () => {
    fc.assert(
      fc.property(rewards, (group) => {
        const advantages = groupAdvantages(group);
        expect(advantages.reduce((sum, advantage) => sum + advantage, 0)).toBeCloseTo(0, 5);
        group.forEach((a, i) =>
          group.forEach((b, j) => {
            if (a > b) expect(advantages[i]).toBeGreaterThanOrEqual(advantages[j]);
          }),
        );
      }),
    );
  });

  test('of equal rewards are exactly zero, of a lone reward the reward', () => {
    expect(groupAdvantages([0.1, 0.1, 0.1])).toEqual([0, 0, 0]);
    expect(groupAdvantages([1])).toEqual([1 / (1 + 1e-6)]);
    expect(groupAdvantages([])).toEqual([]);
  });

  test('use n - 1 in the deviation', () => {
    expect(groupAdvantages([1, 0])[0]).toBeCloseTo(0.5 / (Math.SQRT1_2 + 1e-6), 12);
  });
});
