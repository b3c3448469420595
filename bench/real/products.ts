/** How long onnxruntime takes for nothing but a model's matrix products, all weights packed: what no engine on it can go below. */
import { floats, Session } from '../../policy/onnx/runtime.js';
import { Graph, type Value } from '../../policy/onnx/graph.js';
import { matMul, mul, slice } from '../../policy/onnx/operators.js';
import { type ModelConfig, qkvSize } from '../../policy/transformer/config.js';
import { median, secondsOf } from '../in-turn.js';
import { THREADS } from '../machine.js';

export interface Matrix {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** Of one layer. */
export function layerMatrices(config: ModelConfig): Matrix[] {
  const { hiddenSize: hidden, intermediateSize: ffn, heads, headSize } = config;
  return [
    { name: 'qkv', inputs: hidden, outputs: qkvSize(config) },
    { name: 'output', inputs: heads * headSize, outputs: hidden },
    { name: 'gate', inputs: hidden, outputs: ffn },
    { name: 'up', inputs: hidden, outputs: ffn },
    { name: 'down', inputs: ffn, outputs: hidden },
  ];
}

export function headMatrix({ hiddenSize, vocabSize }: ModelConfig): Matrix {
  return { name: 'head', inputs: hiddenSize, outputs: vocabSize };
}

/** Bytes of all matrices that a token goes through. */
export function matrixBytes(config: ModelConfig): number {
  const size = ({ inputs, outputs }: Matrix): number => 4 * inputs * outputs;
  const layer = layerMatrices(config).reduce((sum, matrix) => sum + size(matrix), 0);
  return config.layers * layer + size(headMatrix(config));
}

const RUNS = 5;

export class Products {
  private constructor(
    private readonly hidden: number,
    private readonly layers: Session,
    private readonly head: Session,
  ) {}

  static async open(config: ModelConfig): Promise<Products> {
    const settings = { threads: THREADS, planMemory: false };
    return new Products(
      config.hiddenSize,
      await Session.open(layersGraph(config), settings),
      await Session.open(headGraph(config), settings),
    );
  }

  /** Seconds for `rows` tokens through all layers. */
  layerSeconds(rows: number): Promise<number> {
    return this.#seconds(this.layers, rows);
  }

  /** Seconds for the logits of `rows` tokens. */
  headSeconds(rows: number): Promise<number> {
    return this.#seconds(this.head, rows);
  }

  async #seconds(session: Session, rows: number): Promise<number> {
    const x = floats(new Float32Array(rows * this.hidden), [rows, this.hidden]);
    const run = (): Promise<unknown> => session.run({ x }, ['y']);
    await run();
    const seconds: number[] = [];
    for (let i = 0; i < RUNS; i++) seconds.push(await secondsOf(run));
    return median(seconds);
  }

  async close(): Promise<void> {
    await this.layers.close();
    await this.head.close();
  }
}

/** One product behind the other; all numbers are 0, which is as much work as others. */
function layersGraph(config: ModelConfig): Graph {
  const g = new Graph();
  let x = g.input('x', 'float32', ['rows', config.hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    const [qkv, output, gate, up, down] = layerMatrices(config).map((matrix) => weight(g, matrix, layer));
    const queries = config.heads * config.headSize;
    const attended = slice(g, matMul(g, x, qkv), g.int64s([0]), g.int64s([queries]), 1, queries);
    const y = matMul(g, attended, output);
    x = matMul(g, mul(g, matMul(g, y, gate), matMul(g, y, up)), down);
  }
  g.output('y', x);
  return g;
}

function headGraph(config: ModelConfig): Graph {
  const g = new Graph();
  g.output('y', matMul(g, g.input('x', 'float32', ['rows', config.hiddenSize]), weight(g, headMatrix(config), 0)));
  return g;
}

function weight(g: Graph, { name, inputs, outputs }: Matrix, layer: number): Value {
  return g.initializer(`${name}${layer}`, 'float32', [inputs, outputs], new Float32Array(inputs * outputs));
}
