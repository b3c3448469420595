import { describe, expect, it } from 'vitest';
import { attentionTiles, BLOCK } from '../../../policy/training/attention-tiles.js';
import { numberDepthFirst } from '../../../policy/training/depth-first.js';
import { summationRounds } from '../../../policy/onnx/learn/summation.js';
import { randomTree } from './rows.js';

/** Trees one behind another. */
function forest(...rows: readonly Int32Array[]): Int32Array {
  const joined: number[] = [];
  for (const row of rows) {
    const start = joined.length;
    joined.push(...[...row].map((before) => (before < 0 ? -1 : start + before)));
  }
  return Int32Array.from(joined);
}

const predecessors = forest(...[1, 2, 3, 4].map((seed) => randomTree(seed, 50).packed.predecessors));

function pathTo(token: number): number[] {
  const path: number[] = [];
  for (let t = token; t >= 0; t = predecessors[t]!) path.push(t);
  return path;
}

describe('depth-first numbers', () => {
  it('enclose exactly those of the tokens behind', () => {
    const { enter, exit } = numberDepthFirst(predecessors);
    predecessors.forEach((_, i) => {
      const seen = [...predecessors.keys()].filter((j) => enter[j] <= enter[i] && enter[i] <= exit[j]);
      expect(seen).toEqual(pathTo(i).reverse());
    });
  });
});

describe('tiles', () => {
  const { size, places, placeOf, classes } = attentionTiles(predecessors);

  it('hold every token once', () => {
    expect([...places].filter((t) => t >= 0).sort((a, b) => a - b)).toEqual([...predecessors.keys()]);
    placeOf.forEach((place, t) => expect(places[place]).toBe(t));
    expect(classes.flatMap(({ tiles }) => tiles).sort((a, b) => a - b)).toEqual([
      ...Array(places.length / size).keys(),
    ]);
  });

  it('have the path of each token, and for empty places an empty one, in blocks that they hold once', () => {
    for (const { tiles, blocks, width } of classes) {
      tiles.forEach((tile, i) => {
        const needed = new Set(blocks[i]);
        expect(needed.size).toBe(blocks[i].length);
        expect(needed.size).toBeLessThanOrEqual(width);
        const keys = new Set([...needed].flatMap((b) => [...places.subarray(b * BLOCK, (b + 1) * BLOCK)]));
        for (const t of places.subarray(tile * size, (tile + 1) * size)) {
          for (const key of t < 0 ? [-1] : pathTo(t)) expect(keys).toContain(key);
        }
      });
    }
  });
});

describe('a tile', () => {
  const chain = (length: number): Int32Array => Int32Array.from({ length }, (_, t) => t - 1);
  /** A trunk and branches behind it. */
  const comb = (trunk: number, branch: number): Int32Array =>
    Int32Array.from(
      { length: trunk + 8 * branch },
      (_, t) => (t > trunk && (t - trunk) % branch === 0 ? trunk : t) - 1,
    );

  it('is long where paths are and do not branch often', () => {
    expect(attentionTiles(chain(256)).size).toBe(64);
    expect(attentionTiles(comb(64, 1024)).size).toBe(64);
    expect(attentionTiles(comb(64, 64)).size).toBe(32);
    expect(attentionTiles(chain(96)).size).toBe(32);
  });
});

describe('summation', () => {
  it('adds each row to the sums it belongs to', () => {
    const rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 0];
    const sources = [[0], [1, 3], [], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0, 0], [4, 5, 6, 7, 8]];
    const sums = summationRounds(sources, 10).reduce(
      (values, lists) => [...lists[0]].map((_, n) => lists.reduce((sum, list) => sum + values[list[n]], 0)),
      rows,
    );
    expect(sums).toEqual(sources.map((list) => list.reduce((sum, row) => sum + rows[row], 0)));
  });
});
