/**
 * The tiles as inputs of the training graph: indices with which attention gathers its operands and puts its results back.
 * Matrices are seen as rows of one head each: a token's heads follow each other, query heads of a group side by side.
 */
import { bigInt64Array, type HostTensor, int32s, int64s } from '../onnx/host-tensor.js';
import { groupSize, type ModelConfig } from '../model/config.js';
import { type AttentionTiles, BLOCK, type TileClass } from './attention-tiles.js';
import { depthsOf, numberDepthFirst } from './depth-first.js';
import { summationRounds } from '../onnx/learn/summation.js';

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
  const { enter, exit } = numberDepthFirst(predecessors);
  const group = groupSize(config);
  const ofClass = ({ tiles, blocks, width }: TileClass, c: number): [string, HostTensor][] => {
    const queryEnter = new Int32Array(tiles.length * size * group);
    tiles.forEach((tile, i) => {
      for (let q = 0; q < size; q++) {
        const t = places[tile * size + q];
        const at = (i * size + q) * group;
        queryEnter.fill(t < 0 ? EMPTY.enter : enter[t], at, at + group);
      }
    });
    const length = width * BLOCK;
    const keyEnter = new Int32Array(tiles.length * length).fill(UNSEEN.enter);
    const keyExit = new Int32Array(tiles.length * length).fill(UNSEEN.exit);
    blocks.forEach((needed, i) =>
      needed.forEach((block, j) => {
        for (let k = 0; k < BLOCK; k++) {
          const t = places[block * BLOCK + k];
          const at = i * length + j * BLOCK + k;
          keyEnter[at] = t < 0 ? EMPTY.enter : enter[t];
          keyExit[at] = t < 0 ? EMPTY.exit : exit[t];
        }
      }),
    );
    const dims = [tiles.length, 1, 1, length];
    return [
      [inClass(c, 'queryEnter'), int32s(queryEnter, [tiles.length, 1, size * group, 1])],
      [inClass(c, 'keyEnter'), int32s(keyEnter, dims)],
      [inClass(c, 'keyExit'), int32s(keyExit, dims)],
    ];
  };
  return Object.fromEntries(classes.flatMap(ofClass));
}

/** Where queries, keys and values are in the projections, and their positions. Empty places hold token 0. */
function operandFeeds(config: ModelConfig, { size, places, classes }: AttentionTiles, depths: Int32Array) {
  const { heads, kvHeads } = config;
  const group = groupSize(config);
  const perToken = heads + 2 * kvHeads;
  const tokens = places.map((t) => Math.max(t, 0));
  const ofClass = ({ tiles, blocks, width }: TileClass, c: number): [string, HostTensor][] => {
    const dims = [tiles.length, kvHeads, size * group];
    const count = tiles.length * kvHeads * size * group;
    const [queries, results] = [new Int32Array(count), new Int32Array(count)];
    const positions = new BigInt64Array(tiles.length * size * group);
    const keys = new Int32Array(tiles.length * kvHeads * width);
    tiles.forEach((tile, i) => {
      for (let h = 0; h < kvHeads; h++) {
        for (let q = 0; q < size; q++) {
          const t = tokens[tile * size + q];
          for (let n = 0; n < group; n++) {
            const at = ((i * kvHeads + h) * size + q) * group + n;
            queries[at] = t * perToken + h * group + n;
            results[at] = t * heads + h * group + n;
          }
        }
        // Behind the blocks that a tile needs stands block 0, which nothing sees there.
        for (let j = 0; j < width; j++) keys[(i * kvHeads + h) * width + j] = (blocks[i][j] ?? 0) * kvHeads + h;
      }
      for (let q = 0; q < size; q++) {
        const at = (i * size + q) * group;
        positions.fill(BigInt(depths[tokens[tile * size + q]]), at, at + group);
      }
    });
    return [
      [inClass(c, 'queries'), int32s(queries, dims)],
      [inClass(c, 'results'), int32s(results, dims)],
      [inClass(c, 'positions'), int64s(positions, [tiles.length, size * group])],
      [inClass(c, 'keys'), int32s(keys, [tiles.length, kvHeads, width])],
    ];
  };
  const blockCount = places.length / BLOCK;
  const blockRows = (first: number): HostTensor => {
    const rows = new Int32Array(places.length * kvHeads);
    let at = 0;
    for (let block = 0; block < blockCount; block++) {
      for (let h = 0; h < kvHeads; h++) {
        for (let k = 0; k < BLOCK; k++) rows[at++] = tokens[block * BLOCK + k] * perToken + first + h;
      }
    }
    return int32s(rows, [blockCount, kvHeads, BLOCK]);
  };
  return {
    ...Object.fromEntries(classes.flatMap(ofClass)),
    keyRows: blockRows(heads),
    valueRows: blockRows(heads + kvHeads),
    blockPositions: int64s(
      bigInt64Array(places.length, (place) => depths[tokens[place]]),
      [blockCount, BLOCK],
    ),
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

/**
 * Of each block and head the places of its gradient among those of the classes: of the keys, and behind all these of the
 * values. `count`: all of them together.
 */
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
  const values = all.map((places) => places.map((place) => count + place));
  return { blocks: [...all, ...values], count: 2 * count };
}
