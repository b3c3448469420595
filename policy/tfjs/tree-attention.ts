/**
 * Attention along the paths of trees, with its gradient: the tiles of `learn/attention-tiles.ts`, fed with the same indices
 * as the graph of `learn/tree-attention.ts`. What is kept for the gradient are the rotated projections; probabilities are
 * computed again.
 */
import { inClass, inRound } from '../learn/attention-feeds.js';
import { BLOCK } from '../learn/attention-tiles.js';
import type { MicroBatch } from '../learn/micro-batches.js';
import { RADIX } from '../learn/summation.js';
import { attentionScale, type ModelConfig } from '../transformer/config.js';
import { ropeTables } from '../transformer/rope-tables.js';
import {
  add,
  and,
  batchMatMul,
  concat,
  floats,
  gather,
  int32s,
  lessOrEqual,
  matMul,
  mul,
  reshape,
  scalar,
  softmax,
  sub,
  sumLast,
  where,
} from './operators.js';
import type { Tensor, TensorFlow } from './runtime.js';
import { summation } from './summation.js';

/** Axes: n tiles of a class, Q queries (tokens of a tile * heads of a group), L keys. */
interface ClassInputs {
  /** Rows of the projections, [n, kvHeads, Q]. */
  readonly queries: Tensor;
  /** Rows of the attended values, [n, kvHeads, Q]. */
  readonly results: Tensor;
  /** Blocks, [n, kvHeads, L / BLOCK]. */
  readonly keys: Tensor;
  /** 0 where the query looks at the key, -infinity elsewhere, [n, 1, Q, L]. */
  readonly mask: Tensor;
}

/** What all layers share. Axes: T tokens, A blocks, P = heads + 2 kvHeads projections of a token. */
export interface AttentionInputs {
  readonly classes: readonly ClassInputs[];
  /** Rows of the projections, [A, kvHeads, BLOCK] each. */
  readonly keyRows: Tensor;
  readonly valueRows: Tensor;
  /** Rows of the classes' results, [T, heads], and gradients, [T, P]. */
  readonly attendedRows: Tensor;
  readonly gradientRows: Tensor;
  /** Which of the classes' gradients add up to each block's. */
  readonly rounds: readonly (readonly Tensor[])[];
  /** Rotation of each projection, [T * P, headSize] each: 1 and 0 for values; those of queries take in attention's scale. */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** x times it is x turned by a right angle, [headSize, headSize]. */
  readonly quarterTurn: Tensor;
}

export function attentionInputs(
  tf: TensorFlow,
  config: ModelConfig,
  { feeds, classes, rounds, depths }: MicroBatch,
): AttentionInputs {
  const fed = (name: string): Tensor => int32s(tf, feeds[name].data as Int32Array, feeds[name].dims);
  return {
    ...rotation(tf, config, depths),
    classes: Array.from({ length: classes }, (_, c) => ({
      queries: fed(inClass(c, 'queries')),
      results: fed(inClass(c, 'results')),
      keys: fed(inClass(c, 'keys')),
      mask: tf.tidy(() => {
        const enter = fed(inClass(c, 'queryEnter'));
        const after = lessOrEqual(tf, fed(inClass(c, 'keyEnter')), enter);
        const sees = and(tf, after, lessOrEqual(tf, enter, fed(inClass(c, 'keyExit'))));
        return where(tf, sees, scalar(tf, 0), scalar(tf, -Infinity));
      }),
    })),
    keyRows: fed('keyRows'),
    valueRows: fed('valueRows'),
    attendedRows: fed('attendedRows'),
    gradientRows: fed('gradientRows'),
    rounds: Array.from({ length: rounds }, (_, r) => Array.from({ length: RADIX }, (__, k) => fed(inRound(r, k)))),
  };
}

function rotation(tf: TensorFlow, config: ModelConfig, depths: Int32Array) {
  const { heads, kvHeads, headSize } = config;
  const half = headSize / 2;
  const caches = ropeTables(config, depths.reduce((a, b) => Math.max(a, b), 0) + 1);
  const projections = heads + 2 * kvHeads;
  const shape = [depths.length * projections, headSize];
  const cos = new Float32Array(shape[0] * headSize);
  const sin = new Float32Array(shape[0] * headSize);
  let at = 0;
  for (const depth of depths) {
    for (let p = 0; p < projections; p++) {
      const scale = p < heads ? attentionScale(config) : 1;
      for (let i = 0; i < headSize; i++, at++) {
        const turned = p < heads + kvHeads;
        const angle = depth * half + (i % half);
        cos[at] = turned ? scale * caches.cos[angle] : 1;
        sin[at] = turned ? scale * caches.sin[angle] : 0;
      }
    }
  }
  const quarterTurn = new Float32Array(headSize * headSize);
  for (let i = 0; i < half; i++) {
    quarterTurn[(i + half) * headSize + i] = -1;
    quarterTurn[i * headSize + i + half] = 1;
  }
  return {
    cos: floats(tf, cos, shape),
    sin: floats(tf, sin, shape),
    quarterTurn: floats(tf, quarterTurn, [headSize, headSize]),
  };
}

interface AttendedClass {
  readonly inputs: ClassInputs;
  /** [n, kvHeads, Q, headSize] */
  readonly q: Tensor;
  /** [n, kvHeads, L, headSize] */
  readonly k: Tensor;
  readonly v: Tensor;
  /** Probabilities, [n, kvHeads, Q, L]. */
  readonly p: Tensor;
  /** [n, kvHeads, Q, headSize] */
  readonly mixed: Tensor;
}

export interface Attended {
  readonly classes: readonly AttendedClass[];
  /** [T, heads * headSize] */
  readonly values: Tensor;
}

/** Projections [T, P * headSize] with queries and keys rotated, one row per head: [T * P, headSize]. */
export function rotate(
  tf: TensorFlow,
  { headSize }: ModelConfig,
  inputs: AttentionInputs,
  projections: Tensor,
): Tensor {
  return tf.tidy(() => {
    const straight = reshape(tf, projections, [-1, headSize]);
    const turned = matMul(tf, straight, inputs.quarterTurn);
    return add(tf, mul(tf, straight, inputs.cos), mul(tf, turned, inputs.sin));
  });
}

/** @param rows rotated */
export function attend(tf: TensorFlow, config: ModelConfig, inputs: AttentionInputs, rows: Tensor): Attended {
  const { heads, headSize } = config;
  const blocks = (which: Tensor): Tensor => reshape(tf, gather(tf, rows, which), [-1, BLOCK * headSize]);
  const keyBlocks = blocks(inputs.keyRows);
  const valueBlocks = blocks(inputs.valueRows);
  const classes = inputs.classes.map((one): AttendedClass => {
    const [n, kvHeads, width] = one.keys.shape;
    const chosen = (from: Tensor): Tensor =>
      reshape(tf, gather(tf, from, one.keys), [n, kvHeads, width * BLOCK, headSize]);
    const q = gather(tf, rows, one.queries);
    const k = chosen(keyBlocks);
    const v = chosen(valueBlocks);
    const p = tf.tidy(() => softmax(tf, add(tf, batchMatMul(tf, q, k, { transB: true }), one.mask)));
    return { inputs: one, q, k, v, p, mixed: batchMatMul(tf, p, v) };
  });
  const results = concat(
    tf,
    classes.map(({ mixed }) => reshape(tf, mixed, [-1, headSize])),
    0,
  );
  return { classes, values: reshape(tf, gather(tf, results, inputs.attendedRows), [-1, heads * headSize]) };
}

/** Gradient of the projections from that of the attended values. */
export function attendGradient(
  tf: TensorFlow,
  { heads, kvHeads, headSize }: ModelConfig,
  inputs: AttentionInputs,
  { classes }: Attended,
  gradient: Tensor,
): Tensor {
  const dRows = reshape(tf, gradient, [-1, headSize]);
  const parts = classes.map(({ inputs: { results }, q, k, v, p, mixed }) =>
    tf.tidy(() => {
      const dMixed = gather(tf, dRows, results);
      const mean = sumLast(tf, mul(tf, dMixed, mixed), true); // = sum of p dP over the keys
      const dScores = mul(tf, sub(tf, batchMatMul(tf, dMixed, v, { transB: true }), mean), p);
      return [
        batchMatMul(tf, dScores, k),
        batchMatMul(tf, dScores, q, { transA: true }),
        batchMatMul(tf, p, dMixed, { transA: true }),
      ] as const;
    }),
  );
  const nothing = floats(tf, new Float32Array(BLOCK * headSize), [1, BLOCK * headSize]);
  const summed = (values: Tensor[]): Tensor => {
    const contributions = values.map((value) => reshape(tf, value, [-1, BLOCK * headSize]));
    return summation(tf, concat(tf, [...contributions, nothing], 0), inputs.rounds);
  };
  const all = [...parts.map(([q]) => q), summed(parts.map(([, k]) => k)), summed(parts.map(([, , v]) => v))];
  const byRow = concat(
    tf,
    all.map((value) => reshape(tf, value, [-1, headSize])),
    0,
  );
  const dTurned = reshape(tf, gather(tf, byRow, inputs.gradientRows), [-1, headSize]);
  const back = matMul(tf, mul(tf, dTurned, inputs.sin), inputs.quarterTurn, { transB: true });
  return reshape(tf, add(tf, mul(tf, dTurned, inputs.cos), back), [-1, (heads + 2 * kvHeads) * headSize]);
}
