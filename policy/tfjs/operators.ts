/** One function per TensorFlow operator that the learner uses. Types of inputs are inferred by TensorFlow. */
import type { OpAttribute, Tensor, TensorFlow } from './device.js';

const NO_ATTRIBUTES: readonly OpAttribute[] = [];

/** Runs an operator with one output. */
function run(
  tf: TensorFlow,
  name: string,
  inputs: readonly Tensor[],
  attributes: readonly OpAttribute[] = NO_ATTRIBUTES,
): Tensor {
  return tf.run(name, inputs, attributes, 1)[0];
}

/** Runs an operator for what it does to a variable. */
function act(tf: TensorFlow, name: string, inputs: readonly Tensor[]): void {
  tf.run(name, inputs, NO_ATTRIBUTES, 0);
}

/** Those that are true; false is what TensorFlow takes where nothing is said. */
function flags(tf: TensorFlow, values: Readonly<Record<string, boolean>>): OpAttribute[] {
  const set = Object.entries(values).filter(([, value]) => value);
  return set.map(([name, value]) => ({ name, type: tf.binding.TF_ATTR_BOOL, value }));
}
const integer = (tf: TensorFlow, name: string, value: number): OpAttribute => ({
  name,
  type: tf.binding.TF_ATTR_INT,
  value,
});
const type = (tf: TensorFlow, name: string, value: number): OpAttribute => ({
  name,
  type: tf.binding.TF_ATTR_TYPE,
  value,
});
const floatType = (tf: TensorFlow, name: string): OpAttribute => type(tf, name, tf.binding.TF_FLOAT);

export const floats = (tf: TensorFlow, values: Float32Array, shape: readonly number[]): Tensor =>
  tf.tensor(values, shape);
export const int32s = (tf: TensorFlow, values: Int32Array, shape: readonly number[]): Tensor =>
  tf.tensor(values, shape);
export const scalar = (tf: TensorFlow, value: number): Tensor => floats(tf, Float32Array.of(value), []);
/** That recurs. */
export const constant = (tf: TensorFlow, value: number): Tensor => tf.constant(Float32Array.of(value), []);
const index = (tf: TensorFlow, value: number): Tensor => tf.constant(Int32Array.of(value), []);
const integers = (tf: TensorFlow, ...values: number[]): Tensor => int32s(tf, Int32Array.from(values), [values.length]);

export const add = (tf: TensorFlow, a: Tensor, b: Tensor): Tensor => run(tf, 'AddV2', [a, b]);
export const sub = (tf: TensorFlow, a: Tensor, b: Tensor): Tensor => run(tf, 'Sub', [a, b]);
export const mul = (tf: TensorFlow, a: Tensor, b: Tensor): Tensor => run(tf, 'Mul', [a, b]);
export const square = (tf: TensorFlow, x: Tensor): Tensor => run(tf, 'Square', [x]);
export const rsqrt = (tf: TensorFlow, x: Tensor): Tensor => run(tf, 'Rsqrt', [x]);
/** a * sigmoid(x), in one pass: softplus has that gradient. */
export const timesSigmoid = (tf: TensorFlow, a: Tensor, x: Tensor): Tensor => run(tf, 'SoftplusGrad', [a, x]);
export const softmax = (tf: TensorFlow, logits: Tensor): Tensor => run(tf, 'Softmax', [logits]);

/** At least one. */
export function addAll(tf: TensorFlow, values: Tensor[]): Tensor {
  return values.length === 1
    ? values[0]
    : run(tf, 'AddN', values, [integer(tf, 'N', values.length), floatType(tf, 'T')]);
}

/** Of the last axis, which stays with length 1 where `keep`. */
export const sumLast = (tf: TensorFlow, x: Tensor, keep = false): Tensor =>
  run(tf, 'Sum', [x, index(tf, x.shape.length - 1)], flags(tf, { keep_dims: keep }));
export const sumFirst = (tf: TensorFlow, x: Tensor): Tensor => run(tf, 'Sum', [x, index(tf, 0)]);
export const meanLast = (tf: TensorFlow, x: Tensor): Tensor =>
  run(tf, 'Mean', [x, index(tf, x.shape.length - 1)], flags(tf, { keep_dims: true }));

interface Transposed {
  readonly transA?: boolean;
  readonly transB?: boolean;
}

/** Of matrices. */
export function matMul(
  tf: TensorFlow,
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false }: Transposed = {},
): Tensor {
  return run(tf, 'MatMul', [a, b], flags(tf, { transpose_a: transA, transpose_b: transB }));
}

/** Of the last two axes; those before are the same. */
export function batchMatMul(
  tf: TensorFlow,
  a: Tensor,
  b: Tensor,
  { transA = false, transB = false }: Transposed = {},
): Tensor {
  return run(tf, 'BatchMatMulV2', [a, b], flags(tf, { adj_x: transA, adj_y: transB }));
}

/** First axis: what is left. */
export const reshape = (tf: TensorFlow, x: Tensor, rest: readonly number[]): Tensor =>
  run(tf, 'Reshape', [x, tf.constant(Int32Array.of(-1, ...rest), [rest.length + 1])]);

export function concat(tf: TensorFlow, values: Tensor[], axis: number): Tensor {
  if (values.length === 1) return values[0];
  return run(tf, 'ConcatV2', [...values, index(tf, axis)], [integer(tf, 'N', values.length), floatType(tf, 'T')]);
}

/** Two halves of the last axis of a matrix. */
export function halves(tf: TensorFlow, x: Tensor): [Tensor, Tensor] {
  const attributes = [integer(tf, 'num_split', 2)];
  return tf.run('Split', [index(tf, 1), x], attributes, 2) as [Tensor, Tensor];
}

/** Rows `from` to `from + count` of a matrix. */
export const rows = (tf: TensorFlow, x: Tensor, from: number, count: number): Tensor =>
  run(tf, 'Slice', [x, integers(tf, from, 0), integers(tf, count, -1)]);

/** Slices of the first axis by index. */
export const gather = (tf: TensorFlow, x: Tensor, indices: Tensor): Tensor =>
  run(tf, 'GatherV2', [x, indices, index(tf, 0)]);

/** Columns of a matrix by index. */
export const gatherColumns = (tf: TensorFlow, x: Tensor, indices: Tensor): Tensor =>
  run(tf, 'GatherV2', [x, indices, index(tf, 1)]);

/** Pairs of numbers as complex numbers and back, in the same memory: [..., 2] <-> [...]. */
export const asComplex = (tf: TensorFlow, x: Tensor): Tensor =>
  run(tf, 'Bitcast', [x], [type(tf, 'type', tf.binding.TF_COMPLEX64)]);
export const asFloats = (tf: TensorFlow, x: Tensor): Tensor =>
  run(tf, 'Bitcast', [x], [type(tf, 'type', tf.binding.TF_FLOAT)]);
export const conjugate = (tf: TensorFlow, x: Tensor): Tensor => run(tf, 'Conj', [x]);

/** [depth] per index: 1 there, 0 elsewhere. */
export const oneHot = (tf: TensorFlow, indices: Tensor, depth: number): Tensor =>
  run(tf, 'OneHot', [indices, index(tf, depth), constant(tf, 1), constant(tf, 0)]);

/** Of logits [N, V] and labels [N]: -log p(label) [N], and its gradient p - oneHot(label) [N, V]. */
export function crossEntropy(tf: TensorFlow, logits: Tensor, labels: Tensor): [loss: Tensor, gradient: Tensor] {
  return tf.run('SparseSoftmaxCrossEntropyWithLogits', [logits, labels], NO_ATTRIBUTES, 2) as [Tensor, Tensor];
}

/** A variable without a value. */
export function variable(tf: TensorFlow, sharedName: string, shape: readonly number[]): Tensor {
  return run(
    tf,
    'VarHandleOp',
    [],
    [
      { name: 'shared_name', type: tf.binding.TF_ATTR_STRING, value: sharedName },
      floatType(tf, 'dtype'),
      { name: 'shape', type: tf.binding.TF_ATTR_SHAPE, value: shape },
    ],
  );
}

export const readVariable = (tf: TensorFlow, handle: Tensor): Tensor =>
  run(tf, 'ReadVariableOp', [handle], [floatType(tf, 'dtype')]);
export const assign = (tf: TensorFlow, handle: Tensor, value: Tensor): void =>
  act(tf, 'AssignVariableOp', [handle, value]);
export const assignAdd = (tf: TensorFlow, handle: Tensor, value: Tensor): void =>
  act(tf, 'AssignAddVariableOp', [handle, value]);
/** variable[indices[i]] += values[i] for each i. */
export const scatterAdd = (tf: TensorFlow, handle: Tensor, indices: Tensor, values: Tensor): void =>
  act(tf, 'ResourceScatterAdd', [handle, indices, values]);
export const destroyVariable = (tf: TensorFlow, handle: Tensor): void => act(tf, 'DestroyResourceOp', [handle]);

/** Of Adam, as TensorFlow's operator takes them. */
export interface AdamScalars {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * m and v take in the gradient, and variable -= learningRate * m / (sqrt(v) + epsilon). The operator's own correction of the
 * bias is switched off by powers of 0: it would be computed in fp32.
 */
export function applyAdam(
  tf: TensorFlow,
  [weights, m, v]: readonly [Tensor, Tensor, Tensor],
  gradient: Tensor,
  { learningRate, beta1, beta2, epsilon }: AdamScalars,
): void {
  const scalars = [0, 0, learningRate, beta1, beta2, epsilon].map((value) => scalar(tf, value));
  act(tf, 'ResourceApplyAdam', [weights, m, v, ...scalars, gradient]);
}
