/**
 * Which queries look at which keys. Every chain is cut into tiles of queries and those into blocks of keys; a tile needs
 * the blocks of its chain up to its own end and those of the path before it, and nothing else of the micro-batch. So a
 * token that many paths share is there once, and what does not see each other costs nothing.
 *
 * Tiles that need about as many blocks form a class: within it they are padded to the same number and computed together.
 */
import { type Chain, chainsOf } from './chains.js';

/** Tokens of a block of keys. */
export const BLOCK = 16;
/** Tokens of a tile, a multiple of a block: long ones fill matrix products better, short ones suit short chains. */
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
  const chains = chainsOf(predecessors);
  const size = placesOf(chains, LONG_TILE) < 1.1 * placesOf(chains, SHORT_TILE) ? LONG_TILE : SHORT_TILE;
  const starts = [0];
  for (const { tokens } of chains) starts.push(starts.at(-1)! + Math.ceil(tokens.length / size) * size);
  const places = new Int32Array(starts.at(-1)!).fill(-1);
  const placeOf = new Int32Array(predecessors.length);
  const chainOf = new Int32Array(predecessors.length);
  chains.forEach(({ tokens }, c) =>
    tokens.forEach((t, i) => {
      places[starts[c] + i] = t;
      placeOf[t] = starts[c] + i;
      chainOf[t] = c;
    }),
  );
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  /** Blocks that hold the path up to a token. */
  const upTo = (token: number): number[] => {
    if (token < 0) return [];
    const c = chainOf[token];
    const end = Math.floor(placeOf[token] / BLOCK) + 1;
    return [...upTo(chains[c].before), ...range(starts[c] / BLOCK, end)];
  };
  const needs = chains.flatMap((chain, c) => {
    const before = upTo(chain.before);
    return Array.from({ length: (starts[c + 1] - starts[c]) / size }, (_, tile) => [
      ...before,
      ...range(starts[c] / BLOCK, starts[c] / BLOCK + blocksUpTo(chain, (tile + 1) * size)),
    ]);
  });
  return { size, places, placeOf, classes: classesOf(needs) };
}

/** Places of all chains, the empty ones included. */
function placesOf(chains: readonly Chain[], size: number): number {
  return chains.reduce((sum, { tokens }) => sum + Math.ceil(tokens.length / size) * size, 0);
}

/** Where queries stand in empty places they need an empty key to look at. */
function blocksUpTo({ tokens }: Chain, end: number): number {
  return Math.min(end, (Math.floor(tokens.length / BLOCK) + 1) * BLOCK) / BLOCK;
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
