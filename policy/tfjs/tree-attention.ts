/**
 * Attention along the paths of trees, with its gradient: the tiles of `learn/attention-tiles.ts`, fed with the same indices
 * as the graph of `learn/tree-attention.ts`.
 */
import { inClass, inRound } from '../training/attention-feeds.js';
import { BLOCK } from '../training/attention-tiles.js';
import type { MicroBatch } from '../training/micro-batches.js';
import { RADIX } from '../onnx/learn/summation.js';
import { groupSize, type ModelConfig } from '../model/config.js';
import { add, batchMatMul, concat, floats, gather, int32s, mul, reshape, softmax, sub, sumLast } from './operators.js';
import { rotate, type Rotation, type Rotations } from './rotation.js';
import type { Tensor, TensorFlow } from './device.js';
import { summation } from './summation.js';

/** Axes: n tiles of a class, Q queries (tokens of a tile * heads of a group), L keys. */
interface ClassInputs {
  /** Rows of the projections, [n, kvHeads, Q]. */
  readonly queries: Tensor;
  /** Rows of the attended values, [n, kvHeads, Q]. */
  readonly results: Tensor;
  /** Blocks, [n, kvHeads, L / BLOCK]. */
  readonly keys: Tensor;
  /** 0 where the query looks at the key, -infinity elsewhere, [n, kvHeads, Q, L]. */
  readonly mask: Tensor;
}

/** What all layers share. Axes: T tokens, A blocks, P = heads + 2 kvHeads projections of a token. */
export interface AttentionInputs extends Rotation {
  readonly classes: readonly ClassInputs[];
  /** Rows of the projections, [A, kvHeads, BLOCK] each. */
  readonly keyRows: Tensor;
  readonly valueRows: Tensor;
  /** Rows of the classes' results, [T, heads], and gradients, [T, P]. */
  readonly attendedRows: Tensor;
  readonly gradientRows: Tensor;
  /** Which of the classes' gradients add up to each block's. */
  readonly rounds: readonly (readonly Tensor[])[];
}

export function attentionInputs(
  tf: TensorFlow,
  config: ModelConfig,
  rotations: Rotations,
  { feeds, classes, rounds, depths }: MicroBatch,
): AttentionInputs {
  const fed = (name: string): Tensor => int32s(tf, feeds[name].data as Int32Array, feeds[name].dims);
  return {
    ...rotations.of(tf, depths),
    classes: Array.from({ length: classes }, (_, c) => ({
      queries: fed(inClass(c, 'queries')),
      results: fed(inClass(c, 'results')),
      keys: fed(inClass(c, 'keys')),
      mask: floats(tf, ...maskOf(config, feeds, c)),
    })),
    keyRows: fed('keyRows'),
    valueRows: fed('valueRows'),
    attendedRows: fed('attendedRows'),
    gradientRows: fed('gradientRows'),
    rounds: Array.from({ length: rounds }, (_, r) => Array.from({ length: RADIX }, (__, k) => fed(inRound(r, k)))),
  };
}

/** Of one class, [n, kvHeads, Q, L] in full: TensorFlow adds what it has to stretch along an axis in the middle slowly. */
function maskOf(config: ModelConfig, feeds: MicroBatch['feeds'], c: number): [Float32Array, number[]] {
  const fed = (name: string): Int32Array => feeds[inClass(c, name)].data as Int32Array;
  const [queryEnter, keyEnter, keyExit] = [fed('queryEnter'), fed('keyEnter'), fed('keyExit')];
  const [n, , Q] = feeds[inClass(c, 'queryEnter')].dims;
  const L = keyEnter.length / n;
  const { kvHeads } = config;
  const group = groupSize(config);
  const mask = new Float32Array(n * kvHeads * Q * L);
  for (let tile = 0, at = 0; tile < n; tile++) {
    const first = at;
    for (let q = 0; q < Q; q++, at += L) {
      if (q % group > 0) {
        mask.copyWithin(at, at - L, at);
        continue;
      }
      const enter = queryEnter[tile * Q + q];
      for (let j = 0; j < L; j++) {
        const key = tile * L + j;
        if (!(keyEnter[key] <= enter && enter <= keyExit[key])) mask[at + j] = -Infinity;
      }
    }
    for (let h = 1; h < kvHeads; h++, at += Q * L) mask.copyWithin(at, first, first + Q * L);
  }
  return [mask, [n, kvHeads, Q, L]];
}

/**
 * Attended values [T, heads * headSize]; then what else the gradient needs, per class: queries [n, kvHeads, Q, headSize],
 * keys and values [n, kvHeads, L, headSize], and probabilities [n, kvHeads, Q, L].
 */
export type Attended = readonly [values: Tensor, ...operands: Tensor[]];

const OPERANDS = 4;

/** Numbers in `Attended`. */
export function keptByAttention(
  { heads, headSize }: ModelConfig,
  { classes }: AttentionInputs,
  tokens: number,
): number {
  return classes.reduce(
    (sum, { queries: { shape }, keys }) => {
      const [n, kvHeads, Q] = shape;
      const L = keys.shape[2] * BLOCK;
      return sum + n * kvHeads * (Q * (headSize + L) + 2 * L * headSize);
    },
    tokens * heads * headSize,
  );
}

/** @param projections [T, P * headSize], columns as in `block-weights.ts` */
export function attend(tf: TensorFlow, config: ModelConfig, inputs: AttentionInputs, projections: Tensor): Attended {
  const { heads, headSize } = config;
  const rows = rotate(tf, projections, inputs.turn);
  const blocks = (which: Tensor): Tensor => reshape(tf, gather(tf, rows, which), [BLOCK * headSize]);
  const keyBlocks = blocks(inputs.keyRows);
  const valueBlocks = blocks(inputs.valueRows);
  const classes = inputs.classes.map((one) => {
    const [, kvHeads, width] = one.keys.shape;
    const chosen = (from: Tensor): Tensor =>
      reshape(tf, gather(tf, from, one.keys), [kvHeads, width * BLOCK, headSize]);
    const q = gather(tf, rows, one.queries);
    const k = chosen(keyBlocks);
    const v = chosen(valueBlocks);
    const p = tf.tidy(() => softmax(tf, add(tf, batchMatMul(tf, q, k, { transB: true }), one.mask)));
    return { operands: [q, k, v, p], mixed: reshape(tf, batchMatMul(tf, p, v), [headSize]) };
  });
  const results = concat(
    tf,
    classes.map(({ mixed }) => mixed),
    0,
  );
  const values = reshape(tf, gather(tf, results, inputs.attendedRows), [heads * headSize]);
  return [values, ...classes.flatMap(({ operands }) => operands)];
}

/** Gradient of the projections from that of the attended values. */
export function attendGradient(
  tf: TensorFlow,
  { heads, kvHeads, headSize }: ModelConfig,
  inputs: AttentionInputs,
  [values, ...operands]: Attended,
  gradient: Tensor,
): Tensor {
  const dRows = reshape(tf, gradient, [headSize]);
  const means = sumLast(tf, mul(tf, dRows, reshape(tf, values, [headSize])), true); // = sum of p dP over the keys
  const parts = inputs.classes.map(({ results }, c) =>
    tf.tidy(() => {
      const [q, k, v, p] = operands.slice(c * OPERANDS, (c + 1) * OPERANDS);
      const dMixed = gather(tf, dRows, results);
      const mean = gather(tf, means, results);
      const dScores = mul(tf, sub(tf, batchMatMul(tf, dMixed, v, { transB: true }), mean), p);
      return [
        batchMatMul(tf, dScores, k),
        batchMatMul(tf, dScores, q, { transA: true }),
        batchMatMul(tf, p, dMixed, { transA: true }),
      ] as const;
    }),
  );
  const nothing = floats(tf, new Float32Array(BLOCK * headSize), [1, BLOCK * headSize]);
  const contributions = [...parts.map(([, k]) => k), ...parts.map(([, , v]) => v)].map((value) =>
    reshape(tf, value, [BLOCK * headSize]),
  );
  const sums = summation(tf, concat(tf, [...contributions, nothing], 0), inputs.rounds);
  const all = [...parts.map(([q]) => q), sums];
  const byRow = concat(
    tf,
    all.map((value) => reshape(tf, value, [headSize])),
    0,
  );
  const dTurned = gather(tf, byRow, inputs.gradientRows);
  return reshape(tf, rotate(tf, dTurned, inputs.turnBack), [(heads + 2 * kvHeads) * headSize]);
}
