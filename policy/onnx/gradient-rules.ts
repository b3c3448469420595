/**
 * Gradient rules by operator. Each takes the gradients of the node's outputs (undefined: the output does not reach the
 * loss) and says which inputs need theirs; it returns one gradient per input.
 */
import { type Graph, GraphDefect, type GraphNode, type Value } from './graph.js';
import {
  sumTo,
  asMatrix,
  reshapeAs,
  unsqueezeBy,
  squeezeBy,
  zerosLike,
  size,
  lastAxis,
  knownDim,
  constantInts,
  isOne,
} from './gradient-shapes.js';
import {
  add,
  and,
  concat,
  div,
  exp,
  expandAs,
  lessOrEqual,
  matMul,
  mul,
  neg,
  oneHot,
  reduceSum,
  reshape,
  rotaryEmbedding,
  sigmoid,
  split,
  sub,
  transpose,
  where,
} from './operators.js';

type Gradient = Value | undefined;

export type GradientRule = (
  g: Graph,
  node: GraphNode,
  outputs: readonly Gradient[],
  needed: readonly boolean[],
) => readonly Gradient[];

/** Of operators with one output that reaches the loss: its value y and gradient dy are given. */
function rule(
  derive: (step: {
    readonly g: Graph;
    readonly node: GraphNode;
    readonly x: readonly Value[];
    readonly y: Value;
    readonly dy: Value;
    readonly needed: readonly boolean[];
  }) => readonly Gradient[],
): GradientRule {
  return (g, node, [dy], needed) => {
    if (!dy) throw new GraphDefect(`${node.opType}: only its first output can be differentiated`);
    return derive({ g, node, x: node.inputs as readonly Value[], y: node.outputs[0], dy, needed });
  };
}

export const RULES: Readonly<Record<string, GradientRule>> = {
  Add: rule(({ g, x: [a, b], dy, needed }) => [
    needed[0] ? sumTo(g, dy, a.shape) : undefined,
    needed[1] ? sumTo(g, dy, b.shape) : undefined,
  ]),
  Sub: rule(({ g, x: [a, b], dy, needed }) => [
    needed[0] ? sumTo(g, dy, a.shape) : undefined,
    needed[1] ? neg(g, sumTo(g, dy, b.shape)) : undefined,
  ]),
  Mul: rule(({ g, x: [a, b], dy, needed }) => [
    needed[0] ? sumTo(g, mul(g, dy, b), a.shape) : undefined,
    needed[1] ? sumTo(g, mul(g, dy, a), b.shape) : undefined,
  ]),
  Div: rule(({ g, x: [a, b], y, dy, needed }) => {
    const da = div(g, dy, b);
    return [
      needed[0] ? sumTo(g, da, a.shape) : undefined,
      needed[1] ? neg(g, sumTo(g, mul(g, da, y), b.shape)) : undefined,
    ];
  }),
  // At a tie the first operand gets the gradient.
  Max: rule(({ g, x: [a, b], dy, needed }) => chosen(g, lessOrEqual(g, b, a), a, b, dy, needed)),
  Min: rule(({ g, x: [a, b], dy, needed }) => chosen(g, lessOrEqual(g, a, b), a, b, dy, needed)),
  Where: rule(({ g, x: [condition, a, b], dy, needed }) => [
    undefined,
    ...chosen(g, condition, a, b, dy, needed.slice(1)),
  ]),
  // The bounds themselves belong to the inside.
  Clip: rule(({ g, x: [x, low, high], dy }) => {
    const inside = and(g, lessOrEqual(g, low, x), lessOrEqual(g, x, high));
    return [where(g, inside, dy, g.float(0))];
  }),
  Neg: rule(({ g, dy }) => [neg(g, dy)]),
  Exp: rule(({ g, y, dy }) => [mul(g, dy, y)]),
  Log: rule(({ g, x: [x], dy }) => [div(g, dy, x)]),
  Sqrt: rule(({ g, y, dy }) => [div(g, mul(g, dy, g.float(0.5)), y)]),
  Sigmoid: rule(({ g, y, dy }) => [mul(g, dy, mul(g, y, sub(g, g.float(1), y)))]),

  /** y = x s, s = sigmoid(alpha x):  y' = s + alpha y (1 - s) = s (1 + alpha (x - y)) */
  QuickGelu: rule(({ g, node, x: [x], y, dy }) => {
    const alpha = node.attributes.alpha as number;
    const scale = (value: Value): Value => (alpha === 1 ? value : mul(g, value, g.float(alpha)));
    const slope = mul(g, sigmoid(g, scale(x)), add(g, scale(sub(g, x, y)), g.float(1)));
    return [mul(g, dy, slope)];
  }),
  Softmax: rule(({ g, y, dy }) => {
    const weighted = mul(g, dy, y);
    return [sub(g, weighted, mul(g, y, reduceSum(g, weighted, [lastAxis(y)], true)))];
  }),
  LogSoftmax: rule(({ g, y, dy }) => {
    return [sub(g, dy, mul(g, exp(g, y), reduceSum(g, dy, [lastAxis(y)], true)))];
  }),
  ReduceSum: rule(({ g, node, x: [x], dy }) => {
    const axes = constantInts(g, node.inputs[1]!);
    const shape = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
    const kept = node.attributes.keepdims === 1n ? dy : unsqueezeBy(g, dy, g.int64s(axes), shape);
    return [expandAs(g, kept, x)];
  }),

  MatMul: rule(({ g, x: [a, b], dy, needed }) => matMulRule(g, a, b, dy, needed, false, false, 1)),
  FusedMatMul: rule(({ g, node: { attributes }, x: [a, b], dy, needed }) =>
    matMulRule(g, a, b, dy, needed, attributes.transA === 1n, attributes.transB === 1n, attributes.alpha as number),
  ),

  Reshape: rule(({ g, x: [x], dy }) => [reshapeAs(g, dy, x.shape)]),
  Squeeze: rule(({ g, node, x: [x], dy }) => [unsqueezeBy(g, dy, node.inputs[1]!, x.shape)]),
  Unsqueeze: rule(({ g, node, x: [x], dy }) => [squeezeBy(g, dy, node.inputs[1]!, x.shape)]),
  Transpose: rule(({ g, node, dy }) => {
    const perm = node.attributes.perm as readonly number[];
    return [
      transpose(
        g,
        dy,
        perm.map((_, i) => perm.indexOf(i)),
      ),
    ];
  }),
  Concat: rule(({ g, node, x, dy }) => {
    const axis = Number(node.attributes.axis);
    return split(
      g,
      dy,
      x.map((part) => knownDim(part, axis)),
      axis,
    );
  }),
  Split: (g, node, given) => {
    const axis = Number(node.attributes.axis);
    const input = node.inputs[0]!;
    const parts = given.map((gradient, i) => gradient ?? zerosLike(g, node.outputs[i]));
    return [concat(g, parts, axis, input.shape[axis])];
  },

  /** Rows of a small table: one-hot [rows, table] ᵀ x gradient. For large ones keep the gather out of the graph. */
  Gather: rule(({ g, node, x: [table, indices], dy }) => {
    if (Number(node.attributes.axis) !== 0) throw new GraphDefect('Gather: only axis 0 can be differentiated');
    const flat = reshape(g, indices, [-1], [size(indices.shape)]);
    const hot = oneHot(g, flat, knownDim(table, 0));
    const rows = asMatrix(g, dy, table.shape.length - 1);
    const gradient = sumOfOuterProducts(g, hot, rows, 1);
    return [table.shape.length === 2 ? gradient : reshapeAs(g, gradient, table.shape)];
  }),
  GatherElements: rule(({ g, x: [x, indices], dy }) => {
    const width = lastAxis(x);
    if (indices.shape[width] !== 1) throw new GraphDefect('GatherElements: only one element per row is differentiated');
    const flat = squeezeBy(g, indices, g.int64s([width]), indices.shape.slice(0, -1));
    return [mul(g, oneHot(g, flat, knownDim(x, width)), dy)];
  }),

  /**
   * n = x r with r = 1 / deviation (the second output), y = n w:
   *     dn = dy w,   dx = r (dn - n mean(dn n)),   dw = sum of dy n
   */
  SimplifiedLayerNormalization: (g, node, [dy, dInverse], needed) => {
    if (!dy || dInverse)
      throw new GraphDefect('SimplifiedLayerNormalization: only its first output can be differentiated');
    const [x, weight] = node.inputs as readonly [Value, Value];
    const [y, inverse] = node.outputs as readonly [Value, Value];
    const axis = lastAxis(x);
    const plain = !needed[1] && isOne(g, weight);
    const n = plain ? y : mul(g, x, inverse);
    const dn = plain ? dy : mul(g, dy, weight);
    const mean = mul(g, reduceSum(g, mul(g, dn, n), [axis], true), g.float(1 / knownDim(x, axis)));
    const dx = mul(g, sub(g, dn, mul(g, n, mean)), inverse);
    return [dx, needed[1] ? sumTo(g, mul(g, dy, n), weight.shape) : undefined];
  },
  /** A rotation's gradient is turned back: the same with -sin. */
  RotaryEmbedding: rule(({ g, node, x: [, positions, cos, sin], dy }) => [
    rotaryEmbedding(g, dy, positions, cos, neg(g, sin), Number(node.attributes.num_heads)),
  ]),
};

function matMulRule(
  g: Graph,
  a: Value,
  b: Value,
  dy: Value,
  needed: readonly boolean[],
  transA: boolean,
  transB: boolean,
  alpha: number,
): readonly Gradient[] {
  // A matrix under a stack of rows: the stack is one tall matrix, so that the matrix's gradient is one product.
  if (b.shape.length === 2 && !transA) {
    const rows = asMatrix(g, a, 1);
    const dRows = asMatrix(g, dy, 1);
    const [left, right] = transB ? [dRows, rows] : [rows, dRows];
    return [
      needed[0] ? matMul(g, dy, b, { transB: !transB, alpha }) : undefined,
      needed[1] ? matMul(g, left, right, { transA: true, alpha }) : undefined,
    ];
  }
  const da = transA
    ? () => matMul(g, b, dy, { transA: transB, transB: true, alpha })
    : () => matMul(g, dy, b, { transB: !transB, alpha });
  const db = transB
    ? () => matMul(g, dy, a, { transA: true, transB: transA, alpha })
    : () => matMul(g, a, dy, { transA: !transA, alpha });
  return [needed[0] ? sumTo(g, da(), a.shape) : undefined, needed[1] ? sumTo(g, db(), b.shape) : undefined];
}

/**
 * aᵀ b over many rows. Divided among threads by columns, a narrow result would get other bits for each number of threads
 * (see `micro-batches.ts`); a tall one is divided by rows, so a wide one is made as its transpose.
 */
function sumOfOuterProducts(g: Graph, a: Value, b: Value, alpha: number): Value {
  const [tall, wide] = [knownDim(a, 1), knownDim(b, 1)];
  if (wide <= tall || wide > WIDE) return matMul(g, a, b, { transA: true, alpha });
  return transpose(g, matMul(g, b, a, { transA: true, alpha }), [1, 0]);
}

/** Columns enough that each of 8 threads gets more than 64. */
const WIDE = 0;

/** dy for the operand that was taken, 0 for the other. */
function chosen(
  g: Graph,
  first: Value,
  a: Value,
  b: Value,
  dy: Value,
  needed: readonly boolean[],
): readonly Gradient[] {
  return [
    needed[0] ? sumTo(g, where(g, first, dy, g.float(0)), a.shape) : undefined,
    needed[1] ? sumTo(g, where(g, first, g.float(0), dy), b.shape) : undefined,
  ];
}
