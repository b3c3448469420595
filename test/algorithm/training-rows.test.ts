import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processAdvantages } from '../../algorithm/advantages.js';
import { policyLoss } from '../../algorithm/loss.js';
import { leafRows, packTree } from '../../algorithm/training-rows.js';
import type { SampledProblem, TrainingSequence } from '../../algorithm/training-rows.js';
import { buildTree } from '../../algorithm/tree.js';
import type { ResponseOutcome } from '../../algorithm/tree.js';
import { responseOutcome, responseOutcomes } from './arbitraries.js';

/** Tokens that name their place, so that no two nodes share one; log-probs that follow from them. */
function sample(responses: readonly ResponseOutcome[], promptLength: number): SampledProblem {
  const named = (name: number, length: number) => {
    const tokens = Array.from({ length }, (_, t) => 1000 * name + t);
    return { tokens, logProbs: tokens.map((token) => -Math.abs(Math.sin(token))) };
  };
  return {
    prompt: named(1, promptLength).tokens,
    responses: responses.map(({ length, rollouts }, j) => ({
      ...named(100 * (j + 1), length),
      rollouts: rollouts.map((rollout, x) => named(100 * (j + 1) + x + 1, rollout.length)),
    })),
  };
}

const problem = fc
  .tuple(responseOutcome(), responseOutcomes, fc.nat(5), fc.integer({ min: 1, max: 40 }), fc.boolean())
  .map(([first, others, promptLength, maxResponseLength, trainUnbranched]) => {
    // At least one branched response, so that there is something to train on.
    const branched = { ...first, rollouts: [...first.rollouts, { at: first.length - 1, length: 2, reward: 1 }] };
    const responses = [branched, ...others];
    const tree = buildTree(responses, { maxResponseLength, trainUnbranched });
    return { sampled: sample(responses, promptLength), tree, advantages: processAdvantages(tree) };
  });

/** Indices of the path that ends at a token, prompt included. */
function pathTo({ predecessors }: TrainingSequence, token: number): number[] {
  const path: number[] = [];
  for (let at = token; at >= 0; at = predecessors[at]) path.unshift(at);
  return path;
}

describe('the packed row', () => {
  test('holds every leaf path, token by token', () => {
    fc.assert(
      fc.property(problem, ({ sampled, tree, advantages }) => {
        const packed = packTree(sampled, tree, advantages);
        const at = new Map(Array.from(packed.tokens, (token, i) => [token, i]));
        expect(at.size).toBe(packed.tokens.length);
        for (const row of leafRows(sampled, tree, advantages)) {
          const path = pathTo(packed, at.get(row.tokens.at(-1) ?? -1) ?? -1);
          expect(path.map((i) => packed.tokens[i])).toEqual([...row.tokens]);
          expect(path.map((i) => packed.advantages[i])).toEqual([...row.advantages]);
          expect(path.map((i) => packed.oldLogProbs?.[i])).toEqual([...row.oldLogProbs!]);
        }
      }),
    );
  });

  test('counts every token as often as the leaf rows hold it; the prompt never', () => {
    fc.assert(
      fc.property(problem, ({ sampled, tree, advantages }) => {
        const packed = packTree(sampled, tree, advantages);
        const counts = new Map<number, number>();
        for (const { tokens, weights } of leafRows(sampled, tree, advantages)) {
          tokens.forEach((token, t) => counts.set(token, (counts.get(token) ?? 0) + weights[t]));
        }
        packed.tokens.forEach((token, t) => expect(packed.weights[t]).toBe(counts.get(token)));
        expect(packed.weights.subarray(0, sampled.prompt.length).every((weight) => weight === 0)).toBe(true);
      }),
    );
  });

  test('has the loss and the gradient of the leaf rows', () => {
    const settings = { clipLow: 0.2, clipHigh: 0.28, dualClip: 3, klWeight: 0.1 };
    const lossOf = (rows: readonly TrainingSequence[]) => {
      const column = (name: 'weights' | 'advantages' | 'oldLogProbs') => rows.flatMap((row) => [...row[name]!]);
      const tokens = rows.flatMap((row) => [...row.tokens]);
      const logProbs = tokens.map((token) => -Math.abs(Math.cos(token)));
      const refLogProbs = tokens.map((token) => -Math.abs(Math.sin(2 * token)));
      const result = policyLoss(
        {
          logProbs,
          refLogProbs,
          weights: column('weights'),
          advantages: column('advantages'),
          oldLogProbs: column('oldLogProbs'),
        },
        settings,
      );
      const gradient = new Map<number, number>();
      tokens.forEach((token, t) => gradient.set(token, (gradient.get(token) ?? 0) + result.gradient[t]));
      return { ...result, gradient };
    };
    fc.assert(
      fc.property(problem, ({ sampled, tree, advantages }) => {
        const packed = lossOf([packTree(sampled, tree, advantages)]);
        const byLeaf = lossOf(leafRows(sampled, tree, advantages));
        for (const name of ['loss', 'policyLoss', 'kl', 'clipFraction', 'clipFractionLower', 'approxKl'] as const) {
          expect(packed[name]).toBeCloseTo(byLeaf[name], 10);
        }
        for (const [token, slope] of packed.gradient) expect(byLeaf.gradient.get(token)).toBeCloseTo(slope, 10);
      }),
    );
  });

  test('points only backwards', () => {
    fc.assert(
      fc.property(problem, ({ sampled, tree, advantages }) => {
        packTree(sampled, tree, advantages).predecessors.forEach((before, t) => {
          expect(before >= -1 && before < t).toBe(true);
        });
      }),
    );
  });

  test('leaves out unbranched responses, unless they are trained on', () => {
    const responses = [
      { length: 2, reward: 1, rollouts: [{ at: 1, length: 1, reward: 0 }] },
      { length: 3, reward: 0, rollouts: [] },
    ];
    const sampled = sample(responses, 1);
    const tokensOf = (trainUnbranched: boolean) => {
      const tree = buildTree(responses, { maxResponseLength: 9, trainUnbranched });
      return [...packTree(sampled, tree, processAdvantages(tree)).tokens];
    };
    expect(tokensOf(false)).toEqual([1000, 100_000, 100_001, 101_000]);
    expect(tokensOf(true)).toEqual([1000, 100_000, 100_001, 101_000, 200_000, 200_001, 200_002]);
  });

  test('keeps the log-probs of initial tokens and takes those of rollouts for new ones', () => {
    const responses = [{ length: 3, reward: 1, rollouts: [{ at: 1, length: 2, reward: 0 }] }];
    const tree = buildTree(responses, { maxResponseLength: 9 });
    const sampled: SampledProblem = {
      prompt: [7],
      responses: [{ tokens: [1, 2, 3], logProbs: [-1, -2, -3], rollouts: [{ tokens: [4, 5], logProbs: [-4, -5] }] }],
    };
    const { tokens, predecessors, weights, oldLogProbs } = packTree(sampled, tree, processAdvantages(tree));
    expect([...tokens]).toEqual([7, 1, 2, 3, 4, 5]);
    expect([...predecessors]).toEqual([-1, 0, 1, 2, 1, 4]);
    expect([...weights]).toEqual([0, 2, 1, 1, 1, 1]);
    expect([...oldLogProbs!]).toEqual([0, -1, -2, -3, -4, -5]);
  });

  test('is refused when tokens do not fit the tree, or nothing is trained on', () => {
    const responses = [{ length: 3, reward: 1, rollouts: [] }];
    const tree = buildTree(responses, { maxResponseLength: 9 });
    const advantages = processAdvantages(tree);
    expect(() => packTree(sample(responses, 1), tree, advantages)).toThrow(/no path of the tree is trained on/);
    const short: SampledProblem = { prompt: [1], responses: [{ tokens: [1], logProbs: [-1], rollouts: [] }] };
    expect(() => packTree(short, tree, advantages)).toThrow(/response 0 needs 3 tokens/);
    expect(() => leafRows({ prompt: [1], responses: [] }, tree, advantages)).toThrow(
      /response 0 of the tree has no tokens/,
    );
  });
});
