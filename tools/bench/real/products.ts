/** How long onnxruntime takes for nothing but a model's products, all weights packed: what no engine on it can go below. */
import { floats, type HostTensor, Session } from '../../../policy/onnx/runtime.js';
import { Graph, type Value } from '../../../policy/onnx/graph.js';
import { matMul, mul, slice } from '../../../policy/onnx/operators.js';
import { type ModelConfig, qkvSize } from '../../../policy/model/config.js';
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
/** Queries of one product of attention: keys ahead of all of them are left out. */
const ATTENTION_BLOCK = 64;

export class Products {
  private constructor(
    private readonly config: ModelConfig,
    private readonly layers: Session,
    private readonly attention: Session,
    private readonly head: Session,
  ) {}

  static async open(config: ModelConfig): Promise<Products> {
    const settings = { threads: THREADS, planMemory: false };
    return new Products(
      config,
      await Session.open(layersGraph(config), settings),
      await Session.open(attentionGraph(), settings),
      await Session.open(headGraph(config), settings),
    );
  }

  /** Seconds for `rows` tokens through all layers, attention left out. */
  layerSeconds(rows: number): Promise<number> {
    return this.#ofHiddenStates(this.layers, rows);
  }

  /** Seconds for the attention of sequences in all layers: scores, and values by their weights. */
  async attentionSeconds(sequences: number, length: number): Promise<number> {
    const { layers, heads, kvHeads, headSize } = this.config;
    const batch = sequences * kvHeads;
    const queries = (heads / kvHeads) * ATTENTION_BLOCK;
    let seconds = 0;
    for (let end = ATTENTION_BLOCK; end <= length; end += ATTENTION_BLOCK) {
      const zeros = (rows: number, columns: number): HostTensor =>
        floats(new Float32Array(batch * rows * columns), [batch, rows, columns]);
      seconds += await this.#seconds(this.attention, {
        queries: zeros(queries, headSize),
        keys: zeros(headSize, end),
        values: zeros(end, headSize),
      });
    }
    return layers * seconds;
  }

  /** Seconds for the logits of `rows` tokens. */
  headSeconds(rows: number): Promise<number> {
    return this.#ofHiddenStates(this.head, rows);
  }

  #ofHiddenStates(session: Session, rows: number): Promise<number> {
    const { hiddenSize } = this.config;
    return this.#seconds(session, { x: floats(new Float32Array(rows * hiddenSize), [rows, hiddenSize]) });
  }

  async #seconds(session: Session, feeds: Readonly<Record<string, HostTensor>>): Promise<number> {
    const run = (): Promise<unknown> => session.run(feeds, ['y']);
    await run();
    const seconds: number[] = [];
    for (let i = 0; i < RUNS; i++) seconds.push(await secondsOf(run));
    return median(seconds);
  }

  async close(): Promise<void> {
    await this.layers.close();
    await this.attention.close();
    await this.head.close();
  }
}

/** One product behind the other, of hidden states that are all 0, which is as much work as others. */
function layersGraph(config: ModelConfig): Graph {
  const g = new Graph();
  let x = g.input('x', 'float32', ['rows', config.hiddenSize]);
  for (let layer = 0; layer < config.layers; layer++) {
    const [qkv, output, gate, up, down] = layerMatrices(config).map((matrix) => weight(g, matrix));
    const queries = config.heads * config.headSize;
    const attended = slice(g, matMul(g, x, qkv), g.int64s([0]), g.int64s([queries]), 1, queries);
    const y = matMul(g, attended, output);
    x = matMul(g, mul(g, matMul(g, y, gate), matMul(g, y, up)), down);
  }
  g.output('y', x);
  return g;
}

/** Of one block of queries of some sequences; a group's query heads are rows of one product with the keys they share. */
function attentionGraph(): Graph {
  const g = new Graph();
  const of = (name: string, rows: string, columns: string): Value => g.input(name, 'float32', ['batch', rows, columns]);
  const scores = matMul(g, of('queries', 'queries', 'headSize'), of('keys', 'headSize', 'end'));
  g.output('y', matMul(g, scores, of('values', 'end', 'headSize')));
  return g;
}

function headGraph(config: ModelConfig): Graph {
  const g = new Graph();
  g.output('y', matMul(g, g.input('x', 'float32', ['rows', config.hiddenSize]), weight(g, headMatrix(config))));
  return g;
}

/** No two are equal: onnxruntime would keep one for all of them, and read it out of the processor's cache. */
function weight(g: Graph, { name, inputs, outputs }: Matrix): Value {
  const number = g.initializers.length + 1;
  const values = new Float32Array(inputs * outputs).fill(number);
  return g.initializer(`${name}${number}`, 'float32', [inputs, outputs], values);
}
