/** How long onnxruntime takes for nothing but the matrix products of an update: each forward, and twice backward. */
import { Graph } from '../../../policy/onnx/graph.js';
import { matMul } from '../../../policy/onnx/operators.js';
import { floats, Session } from '../../../policy/onnx/runtime.js';
import type { ModelConfig } from '../../../policy/model/config.js';
import { median, secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';
import { headMatrix, layerMatrices, type Matrix } from './products.js';

const RUNS = 3;
/** Logits are computed for so many tokens at a time. */
const HEAD_TOKENS = 512;

/** @param trained tokens whose logits are computed */
export async function trainingProductSeconds(config: ModelConfig, tokens: number, trained: number): Promise<number> {
  let layer = 0;
  for (const matrix of layerMatrices(config)) layer += await productsSeconds(matrix, tokens);
  const rows = Math.min(trained, HEAD_TOKENS);
  const head = (await productsSeconds(headMatrix(config), rows)) * (trained / rows);
  return config.layers * layer + head;
}

async function productsSeconds({ inputs, outputs }: Matrix, rows: number): Promise<number> {
  const g = new Graph();
  const x = g.input('x', 'float32', [rows, inputs]);
  const dy = g.input('dy', 'float32', [rows, outputs]);
  const weight = g.initializer('weight', 'float32', [inputs, outputs], new Float32Array(inputs * outputs));
  const transposed = g.initializer('transposed', 'float32', [outputs, inputs], new Float32Array(inputs * outputs));
  g.output('y', matMul(g, x, weight));
  g.output('dx', matMul(g, dy, transposed));
  g.output('dw', matMul(g, x, dy, { transA: true }));
  const session = await Session.open(g, { threads: THREADS });
  try {
    const zeros = (...dims: number[]) => floats(new Float32Array(dims.reduce((a, b) => a * b)), dims);
    const feeds = { x: zeros(rows, inputs), dy: zeros(rows, outputs) };
    const into = { y: zeros(rows, outputs), dx: zeros(rows, inputs), dw: zeros(inputs, outputs) };
    const run = (): Promise<unknown> => session.run(feeds, Object.keys(into), into);
    await run();
    const seconds: number[] = [];
    for (let i = 0; i < RUNS; i++) seconds.push(await secondsOf(run));
    return median(seconds);
  } finally {
    await session.close();
  }
}
