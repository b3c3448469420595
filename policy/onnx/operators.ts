/**
 * One function per operator: adds its node and infers type and shape of the result.
 * Symbolic dimensions are compared by name. Operators with a `gradients.ts` rule may be used in training graphs.
 */
import { type Dim, type ElementType, Graph, GraphDefect, type Shape, type Value } from './graph.js';

const MICROSOFT = 'com.microsoft';

export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i): Dim => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new GraphDefect(`shapes [${a.join()}] and [${b.join()}] do not broadcast`);
  });
}

function binary(opType: string, result?: ElementType) {
  return (g: Graph, a: Value, b: Value): Value =>
    g.node(opType, [a, b], [{ type: result ?? a.type, shape: broadcast(a.shape, b.shape) }])[0];
}

// An input may describe an output of the same shape, but its name must not travel with it.
const nameless = (value: Value): { type: ElementType; shape: Shape } => ({ type: value.type, shape: value.shape });

const elementwise = (opType: string) => (g: Graph, x: Value) => g.node(opType, [x], [nameless(x)])[0];
export const exp = elementwise('Exp');
export const log = elementwise('Log');
export const sqrt = elementwise('Sqrt');
export const sigmoid = elementwise('Sigmoid');
export const neg = elementwise('Neg');

export const add = binary('Add');
export const sub = binary('Sub');
export const mul = binary('Mul');
export const div = binary('Div');
export const max = binary('Max');
export const min = binary('Min');
export const less = binary('Less', 'bool');
export const lessOrEqual = binary('LessOrEqual', 'bool');
export const greater = binary('Greater', 'bool');
export const equal = binary('Equal', 'bool');
export const and = binary('And');
export const or = binary('Or');

export function not(g: Graph, x: Value): Value {
  return g.node('Not', [x], [nameless(x)])[0];
}

export function where(g: Graph, condition: Value, a: Value, b: Value): Value {
  const shape = broadcast(condition.shape, broadcast(a.shape, b.shape));
  return g.node('Where', [condition, a, b], [{ type: a.type, shape }])[0];
}

export function identity(g: Graph, x: Value): Value {
  return g.node('Identity', [x], [nameless(x)])[0];
}

/**
 * What one of two subgraphs gives: each is built by a function, of whose results every one is made in it.
 * @param condition bool []
 * @param shapes of the results where the branches' own differ; left out: as the first branch has them
 */
export function ifElse(
  g: Graph,
  condition: Value,
  whenTrue: (branch: Graph) => readonly Value[],
  whenFalse: (branch: Graph) => readonly Value[],
  shapes?: readonly Shape[],
): Value[] {
  const [thenBranch, elseBranch] = [whenTrue, whenFalse].map((build) => {
    const branch = new Graph(g);
    for (const value of build(branch)) branch.output(value.name, value);
    return branch;
  });
  const results = thenBranch.outputs.map((value, i) => ({ type: value.type, shape: shapes?.[i] ?? value.shape }));
  return g.node('If', [condition], results, { then_branch: thenBranch, else_branch: elseBranch });
}

export function clip(g: Graph, x: Value, low: number, high: number): Value {
  return g.node('Clip', [x, g.float(low), g.float(high)], [nameless(x)])[0];
}

const ONNX_TYPE: Readonly<Record<ElementType, bigint>> = { float32: 1n, float16: 10n, int32: 6n, int64: 7n, bool: 9n };

export function cast(g: Graph, x: Value, to: ElementType): Value {
  if (x.type === to) return x;
  return g.node('Cast', [x], [{ type: to, shape: x.shape }], { to: ONNX_TYPE[to] })[0];
}

export interface MatMulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Factor on the product. */
  readonly alpha?: number;
}

/** [..., M, K] x [..., K, N]; transposes and factor cost nothing on CPU (FusedMatMul). */
export function matMul(
  g: Graph,
  a: Value,
  b: Value,
  { transA = false, transB = false, alpha = 1 }: MatMulOptions = {},
): Value {
  const [rows, innerA] = lastTwo(a.shape, transA);
  const [innerB, columns] = lastTwo(b.shape, transB);
  if (innerA !== innerB) {
    throw new GraphDefect(
      `MatMul of [${a.shape.join()}]${transA ? 'ᵀ' : ''} and [${b.shape.join()}]${transB ? 'ᵀ' : ''}`,
    );
  }
  const shape = [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
  const result = { type: a.type, shape };
  if (!transA && !transB && alpha === 1) return g.node('MatMul', [a, b], [result])[0];
  const attributes = { transA: transA ? 1n : 0n, transB: transB ? 1n : 0n, alpha };
  return g.node('FusedMatMul', [a, b], [result], attributes, MICROSOFT)[0];
}

/** [M, K] x [K, N] + [M, N]. It may be written over the third. */
export function gemm(g: Graph, a: Value, b: Value, added: Value): Value {
  return g.node('Gemm', [a, b, added], [nameless(added)])[0];
}

function lastTwo(shape: Shape, transposed: boolean): [Dim, Dim] {
  const [x, y] = shape.slice(-2) as [Dim, Dim];
  return transposed ? [y, x] : [x, y];
}

/** @param spec ONNX's: 0 copies the input's dimension at that place, -1 is what remains. */
export function reshape(g: Graph, x: Value, spec: readonly number[], shape: Shape): Value {
  return g.node('Reshape', [x, g.int64s(spec)], [{ type: x.type, shape }])[0];
}

export function transpose(g: Graph, x: Value, perm: readonly number[]): Value {
  return g.node('Transpose', [x], [{ type: x.type, shape: perm.map((i) => x.shape[i]) }], { perm })[0];
}

export function concat(g: Graph, parts: readonly Value[], axis: number, size: Dim): Value {
  const shape = parts[0].shape.map((d, i) => (i === axis ? size : d));
  return g.node('Concat', parts, [{ type: parts[0].type, shape }], { axis: BigInt(axis) })[0];
}

export function split(g: Graph, x: Value, sizes: readonly number[], axis: number): Value[] {
  const outputs = sizes.map((n) => ({ type: x.type, shape: x.shape.map((d, i) => (i === axis ? n : d)) }));
  return g.node('Split', [x, g.int64s(sizes)], outputs, { axis: BigInt(axis) });
}

/** The first and the second half along the first axis. */
export function halves(g: Graph, x: Value): [Value, Value] {
  const half = { type: x.type, shape: ['half', ...x.shape.slice(1)] };
  return g.node('Split', [x], [half, half], { axis: 0n, num_outputs: 2n }) as [Value, Value];
}

/** x[start:end] along one axis; `start` and `end` are int64 tensors of shape [1]. */
export function slice(g: Graph, x: Value, start: Value, end: Value, axis: number, size: Dim): Value {
  const shape = x.shape.map((d, i) => (i === axis ? size : d));
  return g.node('Slice', [x, start, end, g.int64s([axis])], [{ type: x.type, shape }])[0];
}

/** Of x [R, columns]: [R, 1]. */
export function lastColumn(g: Graph, x: Value): Value {
  return slice(g, x, g.int64s([-1]), g.int64s([Number.MAX_SAFE_INTEGER]), 1, 1);
}

export function gather(g: Graph, x: Value, indices: Value, axis = 0): Value {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return g.node('Gather', [x, indices], [{ type: x.type, shape }], { axis: BigInt(axis) })[0];
}

/** out[..., i] = x[..., indices[..., i]] along the last axis. */
export function gatherElements(g: Graph, x: Value, indices: Value): Value {
  return g.node('GatherElements', [x, indices], [{ type: x.type, shape: indices.shape }], { axis: -1n })[0];
}

/** x with updates[..., 0] written at [..., indices[..., 0]] of the last axis. */
export function scatterElements(g: Graph, x: Value, indices: Value, updates: Value): Value {
  return g.node('ScatterElements', [x, indices, updates], [nameless(x)], { axis: -1n })[0];
}

/** 1 at the index, 0 elsewhere: [...] -> [..., depth]. */
export function oneHot(g: Graph, indices: Value, depth: number): Value {
  const shape = [...indices.shape, depth];
  return g.node('OneHot', [indices, g.int64(depth), g.floats([2], [0, 1])], [{ type: 'float32', shape }], {
    axis: -1n,
  })[0];
}

/** x broadcast to the shape of `like`. */
export function expandAs(g: Graph, x: Value, like: Value): Value {
  const shape = g.node('Shape', [like], [{ type: 'int64', shape: [like.shape.length] }])[0];
  return g.node('Expand', [x, shape], [{ type: x.type, shape: like.shape }])[0];
}

/** How long x is along an axis, int64 [1]. */
export function dimension(g: Graph, x: Value, axis: number): Value {
  const attributes = { start: BigInt(axis), end: BigInt(axis + 1) };
  return g.node('Shape', [x], [{ type: 'int64', shape: [1] }], attributes)[0];
}

/** A shape of known and computed (int64 [1]) sizes. */
export function shapeOf(g: Graph, ...sizes: readonly (Value | number)[]): Value {
  const parts = sizes.map((size) => (typeof size === 'number' ? g.int64s([size]) : size));
  return concat(g, parts, 0, parts.length);
}

/** x broadcast to rows of known sizes. @param rows int64 [1], how many */
export function expandToRows(g: Graph, x: Value, rows: Value, sizes: readonly number[]): Value {
  return g.node('Expand', [x, shapeOf(g, rows, ...sizes)], [{ type: x.type, shape: ['rows', ...sizes] }])[0];
}

export function unsqueeze(g: Graph, x: Value, axis: number): Value {
  const shape = [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)];
  return g.node('Unsqueeze', [x, g.int64s([axis])], [{ type: x.type, shape }])[0];
}

export function squeeze(g: Graph, x: Value, axis: number): Value {
  const shape = x.shape.filter((_, i) => i !== axis);
  return g.node('Squeeze', [x, g.int64s([axis])], [{ type: x.type, shape }])[0];
}

export function softmax(g: Graph, x: Value): Value {
  return g.node('Softmax', [x], [nameless(x)], { axis: -1n })[0];
}

export function logSoftmax(g: Graph, x: Value): Value {
  return g.node('LogSoftmax', [x], [nameless(x)], { axis: -1n })[0];
}

function reduction(opType: string) {
  return (g: Graph, x: Value, axes: readonly number[], keepDims = false): Value => {
    const shape = keepDims
      ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d))
      : x.shape.filter((_, i) => !axes.includes(i));
    return g.node(opType, [x, g.int64s(axes)], [{ type: x.type, shape }], { keepdims: keepDims ? 1n : 0n })[0];
  };
}
export const reduceSum = reduction('ReduceSum');
export const reduceMax = reduction('ReduceMax');

/** The `count` largest along the last axis, largest first; `count` is an int64 tensor of shape [1]. */
export function topK(g: Graph, x: Value, count: Value, size: Dim): Value {
  const shape = [...x.shape.slice(0, -1), size];
  const outputs = [
    { type: x.type, shape },
    { type: 'int64' as const, shape },
  ];
  return g.node('TopK', [x, count], outputs, { axis: -1n, largest: 1n, sorted: 1n })[0];
}

export function cumSum(g: Graph, x: Value, axis: number): Value {
  return g.node('CumSum', [x, g.int64(axis)], [nameless(x)])[0];
}

/** Of all that come before each. */
export function cumSumBefore(g: Graph, x: Value, axis: number): Value {
  return g.node('CumSum', [x, g.int64(axis)], [nameless(x)], { exclusive: 1n })[0];
}

/** Of each x[r] [rows, width] the row that `rows` [R, 1] names: [R, width]. @param x [R, rows, width] */
export function gatherRow(g: Graph, x: Value, rows: Value): Value {
  return g.node('GatherND', [x, rows], [{ type: x.type, shape: [x.shape[0], x.shape[2]] }], { batch_dims: 1n })[0];
}

/** RMS norm over the last axis. Second result: 1 / sqrt(mean of squares + epsilon), [..., 1]. */
export function rmsNorm(g: Graph, x: Value, weight: Value, epsilon: number): [Value, Value] {
  const deviation = x.shape.map((d, i) => (i === x.shape.length - 1 ? 1 : d));
  const outputs = [nameless(x), { type: x.type, shape: deviation }];
  return g.node('SimplifiedLayerNormalization', [x, weight], outputs, { axis: -1n, epsilon }) as [Value, Value];
}

/** Rotary position embedding of x [B, T, heads * headSize] by halves; caches are [positions, headSize / 2]. */
export function rotaryEmbedding(g: Graph, x: Value, positions: Value, cos: Value, sin: Value, heads: number): Value {
  const attributes = { num_heads: BigInt(heads), interleaved: 0n };
  return g.node('RotaryEmbedding', [x, positions, cos, sin], [nameless(x)], attributes, MICROSOFT)[0];
}

/** x * sigmoid(x) in one pass. */
export function silu(g: Graph, x: Value): Value {
  return g.node('QuickGelu', [x], [nameless(x)], { alpha: 1 }, MICROSOFT)[0];
}
