/** How fast this machine's cores read memory: sums of numbers too many for any cache, by onnxruntime and all threads. */
import { Graph } from '../../../policy/onnx/graph.js';
import { reduceSum } from '../../../policy/onnx/operators.js';
import { floats, Session } from '../../../policy/onnx/runtime.js';
import { secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';

/** 512 MiB. */
const NUMBERS = 2 ** 27;
const RUNS = 8;

/** Bytes per second, of the fastest of some runs: what disturbs can only slow down. */
export async function readBandwidth(): Promise<number> {
  const rows = 8 * THREADS;
  const columns = Math.floor(NUMBERS / rows);
  const g = new Graph();
  g.output('y', reduceSum(g, g.input('x', 'float32', [rows, columns]), [1]));
  const session = await Session.open(g, { threads: THREADS });
  try {
    const x = floats(new Float32Array(rows * columns).fill(1), [rows, columns]);
    let least = Infinity;
    for (let i = 0; i < RUNS; i++) least = Math.min(least, await secondsOf(() => session.run({ x }, ['y'])));
    return (4 * rows * columns) / least;
  } finally {
    await session.close();
  }
}
