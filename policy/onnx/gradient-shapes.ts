/** Shapes and constants as the gradient rules need them. */
import { type Dim, type Graph, GraphDefect, type Shape, type Value } from './graph.js';
import { expandAs, reduceSum, reshape } from './operators.js';

/** Sums over the axes along which an operand of this shape was broadcast. */
export function sumTo(g: Graph, x: Value, shape: Shape): Value {
  const extra = x.shape.length - shape.length;
  const axes = x.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  if (axes.length === 0) return x;
  const summed = reduceSum(g, x, axes, extra === 0);
  return extra === 0 || shape.length === x.shape.length - axes.length ? summed : reshapeAs(g, summed, shape);
}

/** [..., last `kept` axes] -> [product of the others, product of the kept]. */
export function asMatrix(g: Graph, x: Value, kept: number): Value {
  if (x.shape.length === 2 && kept === 1) return x;
  const columns = x.shape.slice(x.shape.length - kept).map((d) => {
    if (typeof d === 'number') return d;
    throw new GraphDefect(`a matrix needs a known width, not ${d}`);
  });
  const width = columns.reduce((product, d) => product * d, 1);
  return reshape(g, x, [-1, width], [size(x.shape.slice(0, x.shape.length - kept)), width]);
}

/** Dimensions known only at run time are copied from the same place or, once, worked out from the rest. */
export function reshapeAs(g: Graph, x: Value, shape: Shape): Value {
  const unknown = shape.map((d, i) => typeof d === 'string' && d !== x.shape[i]);
  if (unknown.filter(Boolean).length > 1) {
    throw new GraphDefect(`[${x.shape.join()}] cannot be reshaped to [${shape.join()}]: two dimensions are unknown`);
  }
  return reshape(
    g,
    x,
    shape.map((d, i) => (typeof d === 'number' ? d : unknown[i] ? -1 : 0)),
    shape,
  );
}

export function unsqueezeBy(g: Graph, x: Value, axes: Value, shape: Shape): Value {
  return g.node('Unsqueeze', [x, axes], [{ type: x.type, shape }])[0];
}

export function squeezeBy(g: Graph, x: Value, axes: Value, shape: Shape): Value {
  return g.node('Squeeze', [x, axes], [{ type: x.type, shape }])[0];
}

export function zerosLike(g: Graph, x: Value): Value {
  return expandAs(g, g.float(0), x);
}

export function size(shape: Shape): Dim {
  return shape.every((d) => typeof d === 'number') ? shape.reduce((a, b) => a * b, 1) : shape.join('*');
}

export const lastAxis = ({ shape }: Value): number => shape.length - 1;

export function knownDim({ name, shape }: Value, axis: number): number {
  const dim = shape[axis];
  if (typeof dim === 'number') return dim;
  throw new GraphDefect(`dimension ${axis} of ${name} must be known to be differentiated`);
}

export function constantInts(g: Graph, value: Value): number[] {
  const found = g.initializers.find((initializer) => initializer.value === value);
  if (!found) throw new GraphDefect(`${value.name} must be a constant to be differentiated`);
  return Array.from(found.data, Number);
}

export function isOne(g: Graph, value: Value): boolean {
  return g.initializers.find((initializer) => initializer.value === value)?.data.every((x) => Number(x) === 1) ?? false;
}
