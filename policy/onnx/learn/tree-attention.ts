/**
 * Attention along the paths of trees, with its gradient: tiles of queries against the blocks of keys on their paths
 * (`attention-tiles.ts`). The query heads of a group are rows beside each other, so that keys and values need no copy per
 * query head.
 */
import type { Composites } from '../gradients.js';
import type { Graph, Value } from '../graph.js';
import {
  add,
  and,
  concat,
  gather,
  halves,
  lessOrEqual,
  matMul,
  mul,
  neg,
  reduceSum,
  reshape,
  rotaryEmbedding,
  softmax,
  sub,
  where,
} from '../operators.js';
import { attentionScale, type ModelConfig } from '../../model/config.js';
import type { Rope } from '../transformer/layers.js';
import { inClass, inRound } from '../../training/attention-feeds.js';
import { BLOCK } from '../../training/attention-tiles.js';
import { RADIX, summation } from './summation.js';

/** Axes: n tiles of a class, Q queries (tokens of a tile * heads of a group), L keys (blocks * BLOCK). Indices are int32. */
interface ClassInputs {
  /** Rows of the projections that are the queries, [n, kvHeads, Q]. */
  readonly queries: Value;
  /** Rows of the attended values, [n, kvHeads, Q]. */
  readonly results: Value;
  /** Of the queries, int64 [n, Q]. */
  readonly positions: Value;
  /** Blocks of keys, [n, kvHeads, L / BLOCK]. */
  readonly keys: Value;
  /** 0 where the query looks at the key, -infinity elsewhere, [n, 1, Q, L]. */
  readonly mask: Value;
}

/** What is shared by all layers. Axes: A blocks. */
export interface Attention {
  readonly rope: Rope;
  readonly classes: readonly ClassInputs[];
  /** Rows of the projections that are the keys and the values of each block, [A, kvHeads, BLOCK] each. */
  readonly keyRows: Value;
  readonly valueRows: Value;
  /** int64 [A, BLOCK] */
  readonly blockPositions: Value;
  /** Rows of the classes' results that are the attended values of each token, [N, heads]. */
  readonly attendedRows: Value;
  /** Rows of the classes', keys' and values' gradients that are those of each token's projections, [N, heads + 2 kvHeads]. */
  readonly gradientRows: Value;
  /** Which of the classes' gradients add up to each block's: those of the keys, then those of the values. */
  readonly rounds: readonly (readonly Value[])[];
}

/** Declares the inputs. */
export function attentionInputs(
  g: Graph,
  { kvHeads, heads }: ModelConfig,
  rope: Rope,
  classes: number,
  rounds: number,
): Attention {
  return {
    rope,
    classes: Array.from({ length: classes }, (_, c) => {
      const [n, width, length] = [`tiles${c}`, `blocks${c}`, `keys${c}`];
      const queryEnter = g.input(inClass(c, 'queryEnter'), 'int32', [n, 1, 'queries', 1]);
      const keyEnter = g.input(inClass(c, 'keyEnter'), 'int32', [n, 1, 1, length]);
      const keyExit = g.input(inClass(c, 'keyExit'), 'int32', [n, 1, 1, length]);
      const sees = and(g, lessOrEqual(g, keyEnter, queryEnter), lessOrEqual(g, queryEnter, keyExit));
      return {
        queries: g.input(inClass(c, 'queries'), 'int32', [n, kvHeads, 'queries']),
        results: g.input(inClass(c, 'results'), 'int32', [n, kvHeads, 'queries']),
        positions: g.input(inClass(c, 'positions'), 'int64', [n, 'queries']),
        keys: g.input(inClass(c, 'keys'), 'int32', [n, kvHeads, width]),
        mask: where(g, sees, g.float(0), g.float(-Infinity)),
      };
    }),
    keyRows: g.input('keyRows', 'int32', ['blocks', kvHeads, BLOCK]),
    valueRows: g.input('valueRows', 'int32', ['blocks', kvHeads, BLOCK]),
    blockPositions: g.input('blockPositions', 'int64', ['blocks', BLOCK]),
    attendedRows: g.input('attendedRows', 'int32', ['tokens', heads]),
    gradientRows: g.input('gradientRows', 'int32', ['tokens', heads + 2 * kvHeads]),
    rounds: Array.from({ length: rounds }, (_, r) =>
      Array.from({ length: RADIX }, (_, k) => g.input(inRound(r, k), 'int32', [`sums${r}`])),
    ),
  };
}

/** Projections [N, (heads + 2 kvHeads) * headSize] of queries, keys and values -> attended values [N, heads * headSize]. */
export function treeAttention(
  g: Graph,
  config: ModelConfig,
  composites: Composites,
  attention: Attention,
  projections: Value,
): Value {
  const { heads, kvHeads, headSize } = config;
  const { rope, classes, blockPositions, rounds } = attention;
  const scale = attentionScale(config);
  /** One row per head. */
  const byHead = (x: Value): Value => reshape(g, x, [-1, headSize], ['heads', headSize]);
  const byToken = (rows: Value, count: number): Value =>
    reshape(g, rows, [0, count * headSize], ['tokens', count * headSize]);
  /** [A, kvHeads, BLOCK, headSize] <-> one row per block and head */
  const asBlocks = (x: Value): Value => reshape(g, x, [-1, BLOCK * headSize], ['heads*blocks', BLOCK * headSize]);
  const fromBlocks = (x: Value): Value =>
    reshape(g, x, [-1, kvHeads, BLOCK, headSize], ['blocks', kvHeads, BLOCK, headSize]);
  const turn = (x: Value, positions: Value): Value => rotaryEmbedding(g, x, positions, rope.cos, rope.sin, kvHeads);
  const turnBack = (x: Value, positions: Value): Value =>
    rotaryEmbedding(g, x, positions, rope.cos, neg(g, rope.sin), kvHeads);
  /** Blocks of each tile: [n, kvHeads, L, headSize] */
  const chosen = (blocks: Value, { keys }: ClassInputs, c: number): Value =>
    reshape(g, gather(g, blocks, keys), [0, 0, -1, headSize], [`tiles${c}`, kvHeads, `keys${c}`, headSize]);

  const build = () => {
    const rows = byHead(projections);
    const keyBlocks = asBlocks(turn(gather(g, rows, attention.keyRows), blockPositions));
    const valueBlocks = asBlocks(gather(g, rows, attention.valueRows));
    const steps = classes.map((one, c) => {
      const q = turn(gather(g, rows, one.queries), one.positions);
      const k = chosen(keyBlocks, one, c);
      const v = chosen(valueBlocks, one, c);
      const p = softmax(g, add(g, matMul(g, q, k, { transB: true, alpha: scale }), one.mask));
      return { ...one, q, k, v, p, mixed: matMul(g, p, v) };
    });
    const results = concat(
      g,
      steps.map(({ mixed }) => byHead(mixed)),
      0,
      'results',
    );

    const rule = ([gradient]: readonly (Value | undefined)[]): Value[] => {
      const dRows = byHead(gradient!);
      const parts = steps.map(({ q, k, v, p, mixed, ...one }) => {
        const dMixed = gather(g, dRows, one.results);
        const mean = reduceSum(g, mul(g, dMixed, mixed), [3], true); // = sum of p dP over the keys
        const dScores = mul(g, sub(g, matMul(g, dMixed, v, { transB: true }), mean), p);
        // onnxruntime goes back from the last node. Made in this order, the keys' product and then the values' come right behind
        // `dScores`, which reads p: the values' reads it by columns, and that takes twice as long once p has left the cache.
        const dValues = asBlocks(matMul(g, p, dMixed, { transA: true }));
        const dKeys = asBlocks(matMul(g, dScores, q, { transA: true, alpha: scale }));
        return { q: turnBack(matMul(g, dScores, k, { alpha: scale }), one.positions), dKeys, dValues };
      });
      const nothing = g.floats([1, BLOCK * headSize], new Array<number>(BLOCK * headSize).fill(0));
      const contributions = [...parts.map(({ dKeys }) => dKeys), ...parts.map(({ dValues }) => dValues), nothing];
      const sums = fromBlocks(summation(g, concat(g, contributions, 0, 'contributions'), rounds));
      const [dKeys, dValues] = halves(g, sums);
      const all = concat(
        g,
        [...parts.map(({ q }) => q), turnBack(dKeys, blockPositions), dValues].map(byHead),
        0,
        'gradients',
      );
      return [byToken(gather(g, all, attention.gradientRows), heads + 2 * kvHeads)];
    };
    return { outputs: [byToken(gather(g, results, attention.attendedRows), heads)], rule };
  };
  return composites.add([projections], build)[0];
}
