/** The pieces of a layer, run forward and backward over the tokens of a micro-batch. */
import type { HostTensor } from '../../host-tensor.js';
import type { SegmentLimits } from '../../../limits.js';
import { inParts, type Rows } from '../../rows.js';
import { type ModelConfig, qkvSize } from '../../../model/config.js';
import { ropeFeeds } from '../../../model/rope-tables.js';
import type { Weights } from '../../../model/parameters.js';
import type { MicroBatch } from '../../../training/micro-batches.js';
import { gradientOf } from '../training-graph.js';
import { AttentionPass, type Projected } from './attention-pass.js';
import { gradientBeside } from './segment.js';
import type { PieceName, SegmentSessions } from './segment-sessions.js';
import type { WorkingMemory } from './working-memory.js';

type Tensors = Readonly<Record<string, HostTensor>>;

/** What all layers of a pass over one micro-batch have in common. Axes: T tokens. */
export class LayerPieces {
  readonly #tokens: number;
  readonly #attention: AttentionPass;
  readonly #rope: (rows: Rows) => Tensors;

  /**
   * @param layersKept of so many, the last ones, a forward pass keeps what the pieces gave; of the others a backward pass
   *   computes it again
   */
  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly sessions: SegmentSessions,
    private readonly memory: WorkingMemory,
    micro: MicroBatch,
    private readonly limits: SegmentLimits,
    private readonly layersKept: number,
  ) {
    const { depths } = micro;
    this.#tokens = depths.length;
    this.#attention = new AttentionPass(config, micro, sessions, limits.scores);
    // onnxruntime wants as many as it is given tokens at a time, too.
    const positions = Math.max(micro.positions, Math.min(depths.length, limits.tokens));
    this.#rope = ropeFeeds(config, positions, BigInt64Array.from(depths, BigInt));
  }

  /** x, attended -> y. @param attended gets what attention found, [T, heads * headSize]; x and y are [T, hidden] */
  async forward(layer: number, x: Float32Array, attended: Float32Array, y: Float32Array): Promise<void> {
    const projected = this.#projected(layer);
    await this.#project(layer, x, projected);
    await this.#attention.forward(await this.#rotated(layer, projected), attended);
    await this.#overTokens(async (rows) => {
      const inner = this.#inner(layer, rows);
      await this.#expand(layer, rows, x, attended, inner);
      await this.#run('contraction', layer, inner, { y: rows.of(y) });
    });
  }

  /** Given what `forward` had and the gradient of y. @param dx gets that of x; neither may be the other */
  async backward(
    layer: number,
    x: Float32Array,
    attended: Float32Array,
    dy: Float32Array,
    dx: Float32Array,
  ): Promise<void> {
    const dMid = this.#matrix('d mid', this.config.hiddenSize);
    const dAttended = this.#matrix('d attended', attended.length / this.#tokens);
    await this.#overTokens(async (rows) => {
      const inner = this.#inner(layer, rows);
      if (!this.#keeps(layer)) await this.#expand(layer, rows, x, attended, inner);
      await this.#backwardBehindAttention(layer, rows, { x, attended, dy, dMid, dAttended }, inner);
    });
    const projected = this.#projected(layer);
    if (!this.#keeps(layer)) await this.#project(layer, x, projected);
    const rotated = await this.#rotated(layer, projected);
    const d = this.#headed('d ');
    await this.#attention.backward(rotated, attended, dAttended, d);
    await this.#overTokens(async (rows) => {
      const given = named(d, (values) => rows.of(values), gradientOf);
      const dProjected = { [gradientOf('projected')]: this.#part('d projected', rows, qkvSize(this.config)) };
      const turned = { projected: rows.of(projected), ...this.#rope(rows), ...given };
      await this.#run('rotation gradient', layer, turned, dProjected);
      const feeds = { x: rows.of(x), ...dProjected, [gradientBeside('x')]: rows.of(dMid) };
      await this.#run('projection gradient', layer, feeds, { [gradientOf('x')]: rows.of(dx) });
    });
  }

  async #backwardBehindAttention(
    layer: number,
    rows: Rows,
    at: Readonly<Record<'x' | 'attended' | 'dy' | 'dMid' | 'dAttended', Float32Array>>,
    inner: Inner,
  ): Promise<void> {
    const { intermediateSize } = this.config;
    const dInner = {
      [gradientOf('gate')]: this.#part('d gate', rows, intermediateSize),
      [gradientOf('up')]: this.#part('d up', rows, intermediateSize),
    };
    const dMid = { [gradientOf('mid')]: rows.of(at.dMid) };
    await this.#run('contraction gradient', layer, { ...inner, [gradientOf('y')]: rows.of(at.dy) }, dInner);
    const expanded = { mid: inner.mid, ...dInner, [gradientBeside('mid')]: rows.of(at.dy) };
    await this.#run('expansion gradient', layer, expanded, dMid);
    const put = { x: rows.of(at.x), attended: rows.of(at.attended), ...dMid };
    await this.#run('output gradient', layer, put, { [gradientOf('attended')]: rows.of(at.dAttended) });
  }

  async #project(layer: number, x: Float32Array, projected: Float32Array): Promise<void> {
    await this.#overTokens((rows) =>
      this.#run('projection', layer, { x: rows.of(x) }, { projected: rows.of(projected) }),
    );
  }

  async #rotated(layer: number, projected: Float32Array): Promise<Projected> {
    const rotated = this.#headed('');
    await this.#overTokens((rows) =>
      this.#run(
        'rotation',
        layer,
        { projected: rows.of(projected), ...this.#rope(rows) },
        named(rotated, (values) => rows.of(values)),
      ),
    );
    return rotated;
  }

  async #expand(layer: number, rows: Rows, x: Float32Array, attended: Float32Array, inner: Inner): Promise<void> {
    const { mid, gate, up } = inner;
    await this.#run('output', layer, { x: rows.of(x), attended: rows.of(attended) }, { mid });
    await this.#run('expansion', layer, { mid }, { gate, up });
  }

  #keeps(layer: number): boolean {
    return layer >= this.config.layers - this.layersKept;
  }

  /** Memory for a layer's projections. */
  #projected(layer: number): Float32Array {
    return this.#matrix(this.#keeps(layer) ? `projected ${layer}` : 'projected', qkvSize(this.config));
  }

  /** Memory for what stands between attention and the end of a layer, of some tokens. */
  #inner(layer: number, rows: Rows): Inner {
    const of = (name: string, width: number): HostTensor =>
      this.#keeps(layer) ? rows.of(this.#matrix(`${name} ${layer}`, width)) : this.#part(name, rows, width);
    const { hiddenSize, intermediateSize } = this.config;
    return { mid: of('mid', hiddenSize), gate: of('gate', intermediateSize), up: of('up', intermediateSize) };
  }

  #headed(prefix: string): Projected {
    const { heads, kvHeads, headSize } = this.config;
    const of = (name: string, count: number): Float32Array => this.#matrix(prefix + name, count * headSize);
    return { queries: of('queries', heads), keys: of('keys', kvHeads), values: of('values', kvHeads) };
  }

  #matrix(name: string, width: number): Float32Array {
    return this.memory.matrix(name, this.#tokens, width);
  }

  #part(name: string, rows: Rows, width: number): HostTensor {
    return this.memory.rows(`part ${name}`, rows, width);
  }

  #run(name: PieceName, layer: number, feeds: Tensors, into: Tensors): Promise<unknown> {
    return this.sessions.run(name, this.weights, layer, feeds, into);
  }

  async #overTokens(work: (rows: Rows) => Promise<unknown>): Promise<void> {
    await inParts(this.#tokens, this.limits.tokens, async (rows) => {
      await work(rows);
    });
  }
}

type Inner = Readonly<Record<'mid' | 'gate' | 'up', HostTensor>>;

function named(
  matrices: Projected,
  tensor: (values: Float32Array) => HostTensor,
  nameOf = (name: string): string => name,
): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(matrices).map(([name, values]) => [nameOf(name), tensor(values as Float32Array)]),
  );
}
