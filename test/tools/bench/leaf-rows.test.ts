import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leafRows as rowsOfLeaves, packTree, type TrainingSequence } from '../../../algorithm/training-rows.js';
import { buildTree } from '../../../algorithm/tree.js';
import { leafRows } from '../../../tools/bench/leaf-rows.js';
import { responseOutcomes } from '../../algorithm/arbitraries.js';

/** As text, in an order that does not depend on the rows'. */
function contents(rows: readonly TrainingSequence[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}

test('unpacking a packed tree gives the rows of its leaves', () => {
  fc.assert(
    fc.property(responseOutcomes, fc.integer({ min: 1, max: 25 }), (responses, maxResponseLength) => {
      const tree = buildTree(responses, { maxResponseLength, trainUnbranched: true });
      let next = 0;
      const sample = (length: number) => {
        const tokens = Array.from({ length }, () => next++);
        return { tokens, logProbs: tokens.map((token) => -token) };
      };
      const sampled = {
        prompt: [1, 2, 3],
        responses: responses.map(({ length, rollouts }) => ({
          ...sample(length),
          rollouts: rollouts.map((rollout) => sample(rollout.length)),
        })),
      };
      const advantages = tree.nodes.map((_, node) => node);
      expect(contents(leafRows(packTree(sampled, tree, advantages)))).toEqual(
        contents(rowsOfLeaves(sampled, tree, advantages)),
      );
    }),
  );
});
