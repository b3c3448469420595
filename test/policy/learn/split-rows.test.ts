import { describe, expect, it } from 'vitest';
import { splitRows } from '../../../policy/learn/split-rows.js';
import { smallConfig } from '../random-model.js';

/** A prompt of `prompt` tokens and `branches` branches of `length` tokens each, which do not see each other. */
function tree(prompt: number, branches: number, length: number) {
  const size = prompt + branches * length;
  const predecessors = Int32Array.from({ length: size }, (_, t) =>
    t >= prompt && (t - prompt) % length === 0 ? prompt - 1 : t - 1,
  );
  return {
    tokens: Int32Array.from({ length: size }, (_, t) => t % 40),
    predecessors,
    weights: Float32Array.from({ length: size }, (_, t) => (t < prompt - 1 ? 0 : 1)),
    advantages: Float32Array.from({ length: size }, (_, t) => t),
  };
}

/** Tokens on the path of each trained token, and its advantage: what its log-prob and loss depend on. */
function trained(rows: readonly ReturnType<typeof tree>[]): string[] {
  return rows
    .flatMap(({ tokens, predecessors, weights, advantages }) =>
      [...tokens].flatMap((_, t) => {
        if (weights[t] === 0) return [];
        const path: number[] = [];
        for (let at = t; at >= 0; at = predecessors[at]!) path.unshift(tokens[at]);
        return [`${path.join()} ${advantages[t]}`];
      }),
    )
    .sort();
}

describe('splitting a packed row', () => {
  it('keeps every trained token once, with its path', () => {
    const row = tree(7, 4, 90);
    const rows = splitRows(smallConfig, row);
    expect(rows).toHaveLength(4);
    expect(trained(rows)).toEqual(trained([row]));
  });

  it('leaves a long prompt with short branches in one row', () => {
    expect(splitRows(smallConfig, tree(300, 4, 5))).toHaveLength(1);
  });

  it('leaves a row without branches as it is', () => {
    const row = tree(5, 1, 20);
    expect(splitRows(smallConfig, row)).toEqual([row]);
  });
});
