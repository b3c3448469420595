/**
 * The tiles as inputs of the training graph: indices with which attention gathers its operands and puts its results back.
 * Matrices are seen as rows of one head each: a token's heads follow each other, query heads of a group side by side.
 */
import { bigInt64Array, type HostTensor, int32Array, int32s, int64s } from '../onnx/host-tensor.js';
import { groupSize, type ModelConfig } from '../transformer/config.js';
import { type AttentionTiles, BLOCK, type TileClass } from './attention-tiles.js';
import { depthsOf, numberDepthFirst } from './depth-first.js';
import { summationRounds } from './summation.js';

/** Names of the inputs. */
export const inClass = (c: number, name: string): string => `class${c}.${name}`;
export const inRound = (r: number, k: number): string => `round${r}.${k}`;

export interface AttentionFeeds {
  readonly tiles: AttentionTiles;
  /** Tokens before each on its path: its position. */
  readonly depths: Int32Array;
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Numbers of classes and rounds decide which graph takes the feeds. */
  readonly classes: number;
  readonly rounds: number;
  /** How many positions there must be. */
  readonly positions: number;
}

/** Subtree of a key that only queries in empty places see, and of one that nothing sees. */
const EMPTY = { enter: -1, exit: -1 };
const UNSEEN = { enter: 0x7fffffff, exit: -1 };

export function attentionFeeds(config: ModelConfig, tiles: AttentionTiles, predecessors: Int32Array): AttentionFeeds {
  const depths = depthsOf(predecessors);
  const { blocks, count } = contributions(config, tiles);
  const rounds = summationRounds(blocks, count);
  return {
    tiles,
    depths,
    classes: tiles.classes.length,
    rounds: rounds.length,
    // onnxruntime wants as many as a tile has queries, too
    positions: Math.max(depths.reduce((a, b) => Math.max(a, b)) + 1, tiles.size * groupSize(config)),
    feeds: {
      ...maskFeeds(config, tiles, predecessors),
      ...operandFeeds(config, tiles, depths),
      ...resultFeeds(config, tiles),
      ...Object.fromEntries(
        rounds.flatMap((lists, r) => lists.map((list, k) => [inRound(r, k), int32s(list, [list.length])])),
      ),
    },
  };
}

/** Depth-first numbers of each class's queries, [n, 1, Q, 1], and keys, [n, 1, 1, L]. */
function maskFeeds(config: ModelConfig, { size, places, classes }: AttentionTiles, predecessors: Int32Array) {
  const numbers = numberDepthFirst(predecessors);
  const at = (place: number): { enter: number; exit: number } => {
    const t = places[place];
    return t < 0 ? EMPTY : { enter: numbers.enter[t], exit: numbers.exit[t] };
  };
  const group = groupSize(config);
  const queries = size * group;
  const ofClass = ({ tiles, blocks, width }: TileClass, c: number): [string, HostTensor][] => {
    const length = width * BLOCK;
    const own = int32Array(tiles.length * queries, (i) => {
      return at(tiles[Math.floor(i / queries)] * size + Math.floor((i % queries) / group)).enter;
    });
    const key = (i: number): { enter: number; exit: number } => {
      const block = blocks[Math.floor(i / length)][Math.floor((i % length) / BLOCK)];
      return block === undefined ? UNSEEN : at(block * BLOCK + (i % BLOCK));
    };
    const keys = tiles.length * length;
    const dims = [tiles.length, 1, 1, length];
    return [
      [inClass(c, 'queryEnter'), int32s(own, [tiles.length, 1, queries, 1])],
      [
        inClass(c, 'keyEnter'),
        int32s(
          int32Array(keys, (i) => key(i).enter),
          dims,
        ),
      ],
      [
        inClass(c, 'keyExit'),
        int32s(
          int32Array(keys, (i) => key(i).exit),
          dims,
        ),
      ],
    ];
  };
  return Object.fromEntries(classes.flatMap(ofClass));
}

/** Where queries, keys and values are in the projections, and their positions. Empty places hold token 0. */
function operandFeeds(config: ModelConfig, { size, places, classes }: AttentionTiles, depths: Int32Array) {
  const { heads, kvHeads } = config;
  const group = groupSize(config);
  const queries = size * group;
  const tokenAt = (place: number): number => Math.max(places[place], 0);
  const ofClass = ({ tiles, blocks, width }: TileClass, c: number): [string, HostTensor][] => {
    const dims = [tiles.length, kvHeads, queries];
    const token = (i: number): number =>
      tokenAt(tiles[Math.floor(i / (kvHeads * queries))] * size + Math.floor((i % queries) / group));
    const head = (i: number): number => (Math.floor(i / queries) % kvHeads) * group + (i % group);
    const rows = (perToken: number): Int32Array =>
      int32Array(tiles.length * kvHeads * queries, (i) => token(i) * perToken + head(i));
    const positions = bigInt64Array(
      tiles.length * queries,
      (i) => depths[tokenAt(tiles[Math.floor(i / queries)] * size + Math.floor((i % queries) / group))],
    );
    const keys = int32Array(tiles.length * kvHeads * width, (i) => {
      const block = blocks[Math.floor(i / (kvHeads * width))][i % width] ?? 0;
      return block * kvHeads + (Math.floor(i / width) % kvHeads);
    });
    return [
      [inClass(c, 'queries'), int32s(rows(heads + 2 * kvHeads), dims)],
      [inClass(c, 'results'), int32s(rows(heads), dims)],
      [inClass(c, 'positions'), int64s(positions, [tiles.length, queries])],
      [inClass(c, 'keys'), int32s(keys, [tiles.length, kvHeads, width])],
    ];
  };
  const blockCount = places.length / BLOCK;
  const blockRows = (first: number): HostTensor =>
    int32s(
      int32Array(places.length * kvHeads, (i) => {
        const place = Math.floor(i / (BLOCK * kvHeads)) * BLOCK + (i % BLOCK);
        return tokenAt(place) * (heads + 2 * kvHeads) + first + (Math.floor(i / BLOCK) % kvHeads);
      }),
      [blockCount, kvHeads, BLOCK],
    );
  const positions = bigInt64Array(places.length, (place) => depths[tokenAt(place)]);
  return {
    ...Object.fromEntries(classes.flatMap(ofClass)),
    keyRows: blockRows(heads),
    valueRows: blockRows(heads + kvHeads),
    blockPositions: int64s(positions, [blockCount, BLOCK]),
  };
}

/** Where each token's results are: in those of the classes, one behind another, then of keys, then of values. */
function resultFeeds({ heads, kvHeads, ...rest }: ModelConfig, { size, places, placeOf, classes }: AttentionTiles) {
  const group = groupSize({ heads, kvHeads, ...rest });
  const queries = size * group;
  const firstRow = new Int32Array(places.length / size);
  classes.flatMap(({ tiles }) => tiles).forEach((tile, i) => (firstRow[tile] = i * kvHeads * queries));
  const queryRow = (place: number, head: number): number =>
    firstRow[Math.floor(place / size)] + Math.floor(head / group) * queries + (place % size) * group + (head % group);
  /** `head` counts the keys' and then the values'. */
  const keyRow = (place: number, head: number): number =>
    places.length * heads +
    Math.floor(head / kvHeads) * places.length * kvHeads +
    (Math.floor(place / BLOCK) * kvHeads + (head % kvHeads)) * BLOCK +
    (place % BLOCK);
  const perToken = (count: number): HostTensor => {
    const rows = new Int32Array(placeOf.length * count);
    placeOf.forEach((place, t) => {
      for (let n = 0; n < count; n++) rows[t * count + n] = n < heads ? queryRow(place, n) : keyRow(place, n - heads);
    });
    return int32s(rows, [placeOf.length, count]);
  };
  return { attendedRows: perToken(heads), gradientRows: perToken(heads + 2 * kvHeads) };
}

/** Of each block and head the places of its gradient among those of the classes, which have `count` together. */
function contributions({ kvHeads }: ModelConfig, { places, classes }: AttentionTiles) {
  const all = Array.from({ length: (places.length / BLOCK) * kvHeads }, (): number[] => []);
  let count = 0;
  for (const { blocks, width } of classes) {
    for (const needed of blocks) {
      for (let h = 0; h < kvHeads; h++, count += width) {
        for (const [j, block] of needed.entries()) all[block * kvHeads + h].push(count + j);
      }
    }
  }
  return { blocks: all, count };
}
