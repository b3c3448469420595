import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TrainingSequence } from '../../../algorithm/training-rows.js';
import { treePieces } from '../../../policy/training/tree-pieces.js';
import { randomTree } from './rows.js';

/** What a token that counts is trained on: all that its gradient depends on. */
function countedTokens(rows: readonly TrainingSequence[]): string[] {
  return rows
    .flatMap((row) =>
      [...row.weights].flatMap((weight, place) => {
        const path: number[] = [];
        for (let t = place; t >= 0; t = row.predecessors[t]) path.push(row.tokens[t]);
        return weight === 0 ? [] : [[weight, row.advantages[place], row.oldLogProbs![place], ...path].join()];
      }),
    )
    .sort();
}

const tokensOf = (rows: readonly TrainingSequence[]): number =>
  rows.reduce((sum, { tokens }) => sum + tokens.length, 0);
const trees = fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 5 }).map((seeds) => {
  return seeds.map((seed) => randomTree(seed, 50).packed);
});

describe('trees cut into pieces', () => {
  it('count every token once, behind the same path', () => {
    fc.assert(
      fc.property(trees, fc.integer({ min: 20, max: 400 }), (whole, share) => {
        expect(countedTokens(treePieces(whole, share))).toEqual(countedTokens(whole));
      }),
    );
  });

  it('come to about a share each', () => {
    const whole = [1, 2, 3, 4].map((seed) => randomTree(seed, 50).packed);
    const share = tokensOf(whole) / 3;
    const pieces = treePieces(whole, share);
    expect(pieces.length).toBe(6);
    expect(tokensOf(pieces)).toBeLessThan(1.1 * tokensOf(whole));
    expect(Math.max(...pieces.map(({ tokens }) => tokens.length))).toBeLessThan(1.2 * share);
  });

  it('stay whole where too much would be repeated', () => {
    const chain: TrainingSequence = {
      tokens: Int32Array.from({ length: 100 }, (_, t) => t),
      predecessors: Int32Array.from({ length: 100 }, (_, t) => t - 1),
      weights: new Float32Array(100).fill(1),
      advantages: new Float32Array(100),
      oldLogProbs: new Float32Array(100),
    };
    expect(treePieces([chain], 50)).toEqual([chain]);
  });
});
