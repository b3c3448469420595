import { describe, expect, it } from 'vitest';
import { uniforms } from '../../../algorithm/random.js';
import { Composites, gradients } from '../../../policy/onnx/gradients.js';
import { Graph, GraphDefect, type Shape, type Value } from '../../../policy/onnx/graph.js';
import * as op from '../../../policy/onnx/operators.js';
import { floats, type HostTensor, int64s, Session } from '../../../policy/onnx/runtime.js';

type Build = (g: Graph, x: readonly Value[]) => Value;

interface Case {
  /** Numbers of each input, and their dimensions as the graph knows them (by default, completely). */
  readonly shapes: readonly (readonly number[])[];
  readonly symbolic?: readonly Shape[];
  /** Numbers are drawn from it. */
  readonly range?: readonly [number, number];
  /** Inputs that are not differentiated. */
  readonly constants?: Readonly<Record<string, HostTensor>>;
}

const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function numbers(stream: number, count: number, [low, high]: readonly [number, number]): Float32Array {
  const key = { runSeed: 7, iteration: 0, problem: 0, response: stream, branch: 0 };
  return uniforms(key, 0, count).map((u) => low + (high - low) * u);
}

/** The gradient of sum(y r), r random, against central differences of fourth order; sums are in doubles. */
async function expectGradient(
  build: Build,
  { shapes, symbolic, range = [-1.5, 1.5], constants = {} }: Case,
): Promise<void> {
  const g = new Graph();
  const declared = symbolic ?? shapes;
  const x = shapes.map((_, i) => g.input(`x${i}`, 'float32', declared[i]));
  const y = build(g, x);
  const r = g.input('r', 'float32', y.shape);
  const product = op.mul(g, y, r);
  const loss = op.reduceSum(
    g,
    product,
    product.shape.map((_, i) => i),
  );
  const found = gradients(g, loss, x);
  g.output('y', y);
  // Two gradients may be the same value, which cannot have two names.
  found.forEach((value, i) => g.output(`d${i}`, op.mul(g, value, g.float(1))));
  const session = await Session.open(g, { threads: 1 });

  const data = shapes.map((shape, i) => numbers(i, size(shape), range));
  const feeds = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, floats(data[i], shape)]));
  const plain = new Graph();
  const yAlone = build(
    plain,
    shapes.map((_, i) => plain.input(`x${i}`, 'float32', declared[i])),
  );
  plain.output('y', yAlone);
  const forward = await Session.open(plain, { threads: 1 });
  const { y: first } = await forward.run({ ...feeds, ...constants }, ['y']);
  const weights = numbers(99, first.data.length, [-1, 1]);
  const lossNow = async (): Promise<number> => {
    const { y: now } = await forward.run({ ...feeds, ...constants }, ['y']);
    return (now.data as Float32Array).reduce((sum, value, i) => sum + value * weights[i], 0);
  };
  const names = found.map((_, i) => `d${i}`);
  const analytic = await session.run({ ...feeds, ...constants, r: floats(weights, first.dims) }, names);

  const step = 2 ** -5;
  for (const [i, values] of data.entries()) {
    const numeric = [];
    for (let k = 0; k < values.length; k++) {
      const before = values[k];
      const at = async (offset: number): Promise<number> => {
        values[k] = before + offset;
        return lossNow();
      };
      numeric.push(
        (8 * ((await at(step)) - (await at(-step))) - ((await at(2 * step)) - (await at(-2 * step)))) / (12 * step),
      );
      values[k] = before;
    }
    expect(analytic[`d${i}`].dims).toEqual(shapes[i]);
    expect(analytic[`d${i}`].data as Float32Array).toBeAllclose(numeric, { rtol: 2e-4, atol: 1e-4 });
  }
  await session.close();
  await forward.close();
}

const pair = [
  [2, 3, 4],
  [2, 3, 4],
];
const broadcast = [
  [2, 3, 4],
  [3, 1],
];

describe('gradient rules agree with differences', () => {
  const cases: Record<string, [Build, Case]> = {
    Add: [(g, [a, b]) => op.add(g, a, b), { shapes: pair }],
    'Add, broadcast': [(g, [a, b]) => op.add(g, a, b), { shapes: broadcast }],
    'Add, broadcast of a vector': [(g, [a, b]) => op.add(g, a, b), { shapes: [[4], [2, 3, 4]] }],
    Sub: [(g, [a, b]) => op.sub(g, a, b), { shapes: broadcast }],
    Mul: [(g, [a, b]) => op.mul(g, a, b), { shapes: broadcast }],
    'Mul, same value twice': [(g, [a]) => op.mul(g, a, a), { shapes: [[5]] }],
    Div: [(g, [a, b]) => op.div(g, a, b), { shapes: broadcast, range: [1, 2] }],
    // Differences must not step over the place where the operands change roles.
    Max: [(g, [a, b]) => op.max(g, a, op.add(g, b, g.floats([2], [3, -3]))), { shapes: [[3, 2], [2]], range: [-1, 1] }],
    Min: [(g, [a, b]) => op.min(g, a, op.add(g, b, g.floats([2], [3, -3]))), { shapes: [[3, 2], [2]], range: [-1, 1] }],
    Where: [
      (g, [a, b]) => op.where(g, op.less(g, g.floats([2], [0, 1]), g.float(0.5)), a, b),
      { shapes: [[3, 2], [2]] },
    ],
    Clip: [
      (g, [a]) => op.clip(g, op.add(g, a, g.floats([3], [-3, 0, 3])), -1.2, 1.2),
      { shapes: [[4, 3]], range: [-1, 1] },
    ],
    Neg: [(g, [a]) => op.neg(g, a), { shapes: [[5]] }],
    Exp: [(g, [a]) => op.exp(g, a), { shapes: [[5]] }],
    Log: [(g, [a]) => op.log(g, a), { shapes: [[5]], range: [1, 2] }],
    Sqrt: [(g, [a]) => op.sqrt(g, a), { shapes: [[5]], range: [1, 2] }],
    Sigmoid: [(g, [a]) => op.sigmoid(g, a), { shapes: [[5]] }],
    QuickGelu: [(g, [a]) => op.silu(g, a), { shapes: [[9]], range: [-4, 4] }],
    Softmax: [(g, [a]) => op.softmax(g, a), { shapes: [[3, 4]] }],
    LogSoftmax: [(g, [a]) => op.logSoftmax(g, a), { shapes: [[3, 4]] }],
    ReduceSum: [(g, [a]) => op.reduceSum(g, a, [0, 2]), { shapes: [[2, 3, 4]] }],
    'ReduceSum, kept axis': [(g, [a]) => op.reduceSum(g, a, [1], true), { shapes: [[2, 3, 4]] }],
    MatMul: [
      (g, [a, b]) => op.matMul(g, a, b),
      {
        shapes: [
          [3, 4],
          [4, 2],
        ],
      },
    ],
    'MatMul, stack under a matrix': [
      (g, [a, b]) => op.matMul(g, a, b),
      {
        shapes: [
          [2, 3, 4],
          [4, 2],
        ],
        symbolic: [
          ['rows', 'length', 4],
          [4, 2],
        ],
      },
    ],
    'MatMul, stack under a transposed matrix': [
      (g, [a, b]) => op.matMul(g, a, b, { transB: true, alpha: 0.5 }),
      {
        shapes: [
          [2, 3, 4],
          [2, 4],
        ],
      },
    ],
    'MatMul, batched': [
      (g, [a, b]) => op.matMul(g, a, b),
      {
        shapes: [
          [2, 3, 4],
          [2, 4, 2],
        ],
      },
    ],
    'MatMul, batch broadcast': [
      (g, [a, b]) => op.matMul(g, a, b),
      {
        shapes: [
          [2, 3, 4],
          [1, 4, 2],
        ],
      },
    ],
    'MatMul, first transposed': [
      (g, [a, b]) => op.matMul(g, a, b, { transA: true, alpha: 2 }),
      {
        shapes: [
          [2, 4, 3],
          [2, 4, 2],
        ],
      },
    ],
    'MatMul, second transposed': [
      (g, [a, b]) => op.matMul(g, a, b, { transB: true, alpha: 2 }),
      {
        shapes: [
          [2, 3, 4],
          [2, 2, 4],
        ],
      },
    ],
    'MatMul, both transposed': [
      (g, [a, b]) => op.matMul(g, a, b, { transA: true, transB: true }),
      {
        shapes: [
          [2, 4, 3],
          [2, 2, 4],
        ],
      },
    ],
    Reshape: [(g, [a]) => op.reshape(g, a, [0, -1], ['rows', 12]), { shapes: [[2, 3, 4]], symbolic: [['rows', 3, 4]] }],
    Squeeze: [(g, [a]) => op.squeeze(g, a, 1), { shapes: [[2, 1, 3]] }],
    Unsqueeze: [(g, [a]) => op.unsqueeze(g, a, 1), { shapes: [[2, 3]] }],
    Transpose: [(g, [a]) => op.transpose(g, a, [2, 0, 1]), { shapes: [[2, 3, 4]] }],
    Concat: [
      (g, [a, b]) => op.concat(g, [a, b, a], 1, 8),
      {
        shapes: [
          [2, 3],
          [2, 2],
        ],
      },
    ],
    Split: [
      (g, [a]) => {
        const [first, , last] = op.split(g, a, [2, 1, 2], 1);
        return op.mul(g, first, last);
      },
      { shapes: [[3, 5]] },
    ],
    Gather: [
      (g, [a]) => op.gather(g, a, g.input('places', 'int64', ['rows', 3])),
      { shapes: [[4, 2]], constants: { places: int64s(BigInt64Array.of(3n, 0n, 3n, 3n, 1n, 0n), [2, 3]) } },
    ],
    GatherElements: [
      (g, [a]) => op.gatherElements(g, a, g.input('places', 'int64', [3, 1])),
      { shapes: [[3, 4]], constants: { places: int64s(BigInt64Array.of(3n, 0n, 1n), [3, 1]) } },
    ],
    SimplifiedLayerNormalization: [(g, [a, b]) => op.rmsNorm(g, a, b, 1e-3)[0], { shapes: [[2, 3, 4], [4]] }],
    'SimplifiedLayerNormalization, scale 1': [
      (g, [a]) => op.rmsNorm(g, a, g.floats([4], [1, 1, 1, 1]), 1e-3)[0],
      { shapes: [[2, 3, 4]] },
    ],
    RotaryEmbedding: [
      (g, [a]) => {
        const cos = g.floats([3, 2], [1, 1, 0.5, 0.8, -0.4, 0.1]);
        const sin = g.floats([3, 2], [0, 0, 0.9, 0.6, 0.7, -1]);
        return op.rotaryEmbedding(g, a, g.input('positions', 'int64', [1, 3]), cos, sin, 2);
      },
      { shapes: [[1, 3, 8]], constants: { positions: int64s(BigInt64Array.of(2n, 0n, 1n), [1, 3]) } },
    ],
  };
  for (const [name, [build, input]] of Object.entries(cases)) it(name, () => expectGradient(build, input));
});

describe('gradients', () => {
  it('names an operator without a rule', () => {
    const g = new Graph();
    const x = g.input('x', 'float32', [2]);
    const y = op.reduceSum(g, op.cumSum(g, x, 0), [0]);
    expect(() => gradients(g, y, [x])).toThrow(new GraphDefect('operator CumSum has no gradient rule'));
  });

  it('refuses a value that does not reach the loss', () => {
    const g = new Graph();
    const x = g.input('x', 'float32', [2]);
    const y = g.input('y', 'float32', [2]);
    expect(() => gradients(g, op.reduceSum(g, x, [0]), [x, y])).toThrow('does not depend on y');
  });

  it('take the rule of a composite in place of those of its nodes', async () => {
    const g = new Graph();
    const composites = new Composites(g);
    const x = g.input('x', 'float32', [2]);
    const [y] = composites.add([x], () => ({
      outputs: [op.cumSum(g, op.exp(g, x), 0)],
      rule: ([dy]) => [op.mul(g, dy!, g.float(7))],
    }));
    const [dx] = gradients(g, op.reduceSum(g, op.mul(g, y, g.float(2)), [0]), [x], composites);
    g.output('dx', dx);
    const session = await Session.open(g, { threads: 1 });
    const result = await session.run({ x: floats(Float32Array.of(1, 2), [2]) }, ['dx']);
    expect([...result.dx.data]).toEqual([14, 14]);
    await session.close();
  });
});
