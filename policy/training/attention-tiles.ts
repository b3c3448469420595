/**
 * Which queries look at which keys. The tokens of a tree stand in depth-first order, so that those which share most of their
 * paths are neighbours; they are cut into tiles of queries and blocks of keys. A tile needs the blocks that hold the paths
 * of its tokens, and nothing else of the micro-batch. So a token that many paths share is there once, and what does not see
 * each other costs little.
 *
 * Tiles that need about as many blocks form a class: within it they are padded to the same number and computed together.
 */
import { depthFirstOrder } from './depth-first.js';

/** Tokens of a block of keys. */
export const BLOCK = 16;
/** Tokens of a tile, a multiple of a block: long ones fill matrix products better, short ones suit short paths and branches. */
const LONG_TILE = 64;
const SHORT_TILE = 32;
/** Classes are nodes of the graph: more of them save padding and cost calls. */
const CLASSES = 4;

export interface AttentionTiles {
  /** Tokens of a tile. */
  readonly size: number;
  /** Token in each place, tile after tile; -1: empty. */
  readonly places: Int32Array;
  /** Place of each token. */
  readonly placeOf: Int32Array;
  readonly classes: readonly TileClass[];
}

export interface TileClass {
  /** Their numbers: tile i holds the places from i * size on. */
  readonly tiles: readonly number[];
  /** Per tile the blocks it needs: block b holds the places from b * BLOCK on. */
  readonly blocks: readonly (readonly number[])[];
  /** Blocks of the tile that needs most; the others are padded to it. */
  readonly width: number;
}

export function attentionTiles(predecessors: Int32Array): AttentionTiles {
  const trees = treesOf(predecessors);
  const size = tileSize(trees, predecessors);
  const places = new Int32Array(placesOf(trees, size)).fill(-1);
  const placeOf = new Int32Array(predecessors.length);
  let start = 0;
  for (const tree of trees) {
    places.set(tree, start);
    tree.forEach((t, i) => (placeOf[t] = start + i));
    start += Math.ceil(tree.length / size) * size;
  }
  const needs = Array.from({ length: places.length / size }, (_, tile) => {
    return blocksOf(places.subarray(tile * size, (tile + 1) * size), tile * size, placeOf, predecessors);
  });
  return { size, places, placeOf, classes: classesOf(needs) };
}

/** The tokens of each tree, in depth-first order. */
function treesOf(predecessors: Int32Array): Int32Array[] {
  const order = depthFirstOrder(predecessors);
  const starts = [...order.keys()].filter((i) => predecessors[order[i]] < 0);
  return starts.map((start, i) => order.subarray(start, starts[i + 1]));
}

/** A long tile needs the paths of all branches that it spans: if one in four spanned two, that would be too many. */
function tileSize(trees: readonly Int32Array[], predecessors: Int32Array): number {
  const branches = trees.flatMap((tree) => [...tree.subarray(1)].filter((t, i) => predecessors[t] !== tree[i])).length;
  const [long, short] = [placesOf(trees, LONG_TILE), placesOf(trees, SHORT_TILE)];
  return branches <= long / LONG_TILE / 4 && long < 1.1 * short ? LONG_TILE : SHORT_TILE;
}

/** Places of all trees, the empty ones included. */
function placesOf(trees: readonly Int32Array[], size: number): number {
  return trees.reduce((sum, tree) => sum + Math.ceil(tree.length / size) * size, 0);
}

/** The blocks that hold the paths of a tile's tokens, ascending. @param first place of the tile */
function blocksOf(tile: Int32Array, first: number, placeOf: Int32Array, predecessors: Int32Array): number[] {
  const seen = new Set<number>();
  const blocks = new Set<number>();
  // Where queries stand in empty places they need an empty key to look at.
  const empty = tile.indexOf(-1);
  if (empty >= 0) blocks.add(Math.floor((first + empty) / BLOCK));
  tile.forEach((token) => {
    for (let t = token; t >= 0 && !seen.has(t); t = predecessors[t]) {
      seen.add(t);
      blocks.add(Math.floor(placeOf[t] / BLOCK));
    }
  });
  return [...blocks].sort((a, b) => a - b);
}

/** The division into classes with the least number of blocks after padding. */
function classesOf(needs: readonly (readonly number[])[]): TileClass[] {
  const order = needs.map((_, tile) => tile).sort((a, b) => needs[a].length - needs[b].length || a - b);
  const width = (end: number): number => needs[order[end - 1]].length;
  const widths = new Set(needs.map(({ length }) => length)).size;
  const count = order.length < CLASSES ? 1 : Math.min(CLASSES, widths);
  /** Per number of classes and of tiles in them: the least cost and where its last class begins. */
  let cheapest = order.map((_, i) => ({ cost: (i + 1) * width(i + 1), starts: [0] }));
  for (let classes = 2; classes <= count; classes++) {
    cheapest = cheapest.map((_, i) => {
      let best = { cost: Infinity, starts: [0] };
      for (let start = classes - 1; start <= i; start++) {
        const before = cheapest[start - 1];
        const cost = before.cost + (i + 1 - start) * width(i + 1);
        if (cost < best.cost) best = { cost, starts: [...before.starts, start] };
      }
      return best;
    });
  }
  const { starts } = cheapest.at(-1)!;
  return starts.map((start, c) => {
    const tiles = order.slice(start, starts[c + 1]);
    return { tiles, blocks: tiles.map((tile) => needs[tile]), width: width(starts[c + 1] ?? order.length) };
  });
}
