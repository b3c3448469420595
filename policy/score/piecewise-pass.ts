/**
 * A batch through a large model piece by piece (`piece-graphs.ts`): in memory at a time are the hidden states, one layer's
 * queries, keys and values, and one piece's activations for some tokens. Between pieces, none of which takes more than
 * seconds, the process hears what it is told. The function is that of `score-graph.ts`.
 */
import { LIMITS, type ScoreLimits } from '../limits.js';
import { gatherRows, inParts, type Rows } from '../onnx/rows.js';
import { floats, type HostTensor, int64s, Session, type SessionSettings } from '../onnx/runtime.js';
import { SessionPool } from '../onnx/session-pool.js';
import type { ModelConfig } from '../transformer/config.js';
import { inLayer } from '../transformer/parameter-inputs.js';
import type { Weights } from '../transformer/parameters.js';
import { ropeFeeds } from '../transformer/rope-tables.js';
import type { BatchScores, ScoreBatch, ScorePass, StepColumns } from './batch.js';
import { attentionGraph, feedForwardGraph, headGraph, type PieceGraph, projectionGraph } from './piece-graphs.js';
import { PART_TOKENS } from './token-scores.js';

type Feeds = Readonly<Record<string, HostTensor>>;

const GRAPHS = {
  projection: projectionGraph,
  attention: (config: ModelConfig) => attentionGraph(config, false),
  'attention with influence': (config: ModelConfig) => attentionGraph(config, true),
  'feed-forward': feedForwardGraph,
  head: headGraph,
} satisfies Record<string, (config: ModelConfig) => PieceGraph>;
type Piece = keyof typeof GRAPHS;
type OpenedPiece = PieceGraph & { readonly session: Session };

/** One batch on its way: what each piece needs. */
interface Pass extends ScoreBatch {
  /** Its rotary tables and each token's place in them. */
  readonly rope: (rows: Rows) => Feeds;
  readonly between: () => Promise<void>;
}

/** Matrices of the distinct tokens, [D, number of heads * headSize]. */
interface Projected {
  readonly queries: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

/** What one sequence's attention takes and finds: queries and `attended` of one run, keys and values of all tokens. */
type RowMemory = Projected & { readonly attended: Float32Array };

export class PiecewisePass implements ScorePass {
  readonly #opened = new SessionPool<OpenedPiece>();

  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly settings: SessionSettings,
    private readonly limits: ScoreLimits['pieces'] = (settings.limits ?? LIMITS).score.pieces,
  ) {}

  async run(batch: ScoreBatch, between: () => Promise<void>): Promise<BatchScores> {
    const { rows, length, tokens, steps } = batch;
    const pass = { ...batch, between, rope: this.#rope(batch) };
    const influence = steps && new Float32Array(rows * steps.count);
    const { hiddenSize, heads, kvHeads, headSize } = this.config;
    // The same memory for all layers.
    const matrix = (width: number): Float32Array => new Float32Array(tokens.length * width);
    const [queries, keys, values] = [heads, kvHeads, kvHeads].map((count) => matrix(count * headSize));
    const projected = { queries, keys, values };
    const attended = matrix(heads * headSize);
    const memory = this.#rowMemory(batch);
    let x = gatherRows(this.weights.get('embedding')!, tokens, hiddenSize);
    let next = matrix(hiddenSize);
    for (let layer = 0; layer < this.config.layers; layer++) {
      await this.#project(pass, layer, x, projected);
      for (let row = 0; row < rows; row++) {
        const received = await this.#attention(pass, row, projected, attended, memory);
        if (influence && received) keepLargest(influence, received, length, row, steps);
      }
      await this.#feedForward(pass, layer, x, attended, next);
      [x, next] = [next, x];
    }
    const scores = await this.#head(pass, x);
    return influence ? { ...scores, influence } : scores;
  }

  close(): Promise<void> {
    return this.#opened.close();
  }

  /** Queries, keys and values of the distinct tokens. */
  async #project(pass: Pass, layer: number, x: Float32Array, { queries, keys, values }: Projected): Promise<void> {
    await inParts(pass.tokens.length, this.limits.tokens, async (rows) => {
      const into = { queries: rows.of(queries), keys: rows.of(keys), values: rows.of(values) };
      await this.#run('projection', layer, { x: rows.of(x), ...pass.rope(rows) }, into);
      await pass.between();
    });
  }

  /**
   * Of one sequence, into `attended` [D, heads * headSize].
   * @param memory for a row's operands, see `#rowMemory`
   * @returns what each key was given, [heads, S]; undefined where it is not wanted
   */
  async #attention(
    { length, block, spread, found, steps, between }: Pass,
    row: number,
    projected: Projected,
    attended: Float32Array,
    memory: RowMemory,
  ): Promise<Float32Array | undefined> {
    const { heads, kvHeads, headSize } = this.config;
    const width = heads * headSize;
    const ofRow = (name: keyof Projected, count: number, from: number, to: number): HostTensor => {
      const distinct = spread.subarray(row * length + from, row * length + to);
      const rows = memory[name].subarray(0, (to - from) * count * headSize);
      return floats(gatherRows(projected[name], distinct, count * headSize, rows), [1, to - from, count * headSize]);
    };
    const [keys, values] = [ofRow('keys', kvHeads, 0, length), ofRow('values', kvHeads, 0, length)];
    let received = steps && new Float32Array(heads * length);
    const most = this.#queriesOfRun(block);
    for (let from = 0; from < length; from += most) {
      const to = Math.min(length, from + most);
      const feeds = {
        queries: ofRow('queries', heads, from, to),
        keys,
        values,
        block: int64s(BigInt64Array.of(BigInt(block)), []),
        blocks: int64s(BigInt64Array.of(BigInt((to - from) / block)), []),
        before: int64s(BigInt64Array.of(BigInt(from)), [1]),
      };
      const ofQueries = memory.attended.subarray(0, (to - from) * width);
      const into = { attended: floats(ofQueries, [1, to - from, width]) };
      if (steps && received) {
        const [start, end] = [row * length + from, row * length + to];
        const after = new Float32Array(received.length);
        const columns = {
          stepWeight: floats(steps.weight.subarray(start, end), [1, to - from]),
          reach: int64s(steps.reach.subarray(start, end), [1, to - from]),
          receivedBefore: floats(received, [1, heads, length]),
        };
        const receivedAfter = floats(after, [1, heads, length]);
        await this.#run('attention with influence', 0, { ...feeds, ...columns }, { ...into, receivedAfter });
        received = after;
      } else {
        await this.#run('attention', 0, feeds, into);
      }
      for (let place = row * length + from, q = 0; q < ofQueries.length; place++, q += width) {
        const distinct = Number(spread[place]);
        if (Number(found[distinct]) === place) attended.set(ofQueries.subarray(q, q + width), distinct * width);
      }
      await between();
    }
    return received;
  }

  /** The last queries of a padded block belong to it: runs are whole blocks. */
  #queriesOfRun(block: number): number {
    return Math.max(1, Math.floor(this.limits.queries / block)) * block;
  }

  /** The same for all rows and layers: what each would leave behind adds up. */
  #rowMemory({ length, block }: ScoreBatch): RowMemory {
    const { heads, kvHeads, headSize } = this.config;
    const queries = Math.min(length, this.#queriesOfRun(block));
    const matrix = (rows: number, count: number): Float32Array => new Float32Array(rows * count * headSize);
    return {
      queries: matrix(queries, heads),
      attended: matrix(queries, heads),
      keys: matrix(length, kvHeads),
      values: matrix(length, kvHeads),
    };
  }

  /** From the hidden states before a layer, `x`, to those behind it, `y`. */
  async #feedForward(
    pass: Pass,
    layer: number,
    x: Float32Array,
    attended: Float32Array,
    y: Float32Array,
  ): Promise<void> {
    await inParts(pass.tokens.length, this.limits.tokens, async (rows) => {
      await this.#run('feed-forward', layer, { x: rows.of(x), attended: rows.of(attended) }, { y: rows.of(y) });
      await pass.between();
    });
  }

  async #head({ predecessors, labels, temperature, between }: Pass, x: Float32Array): Promise<BatchScores> {
    const { hiddenSize } = this.config;
    const scores = { logProbs: new Float32Array(labels.length), entropies: new Float32Array(labels.length) };
    for (let from = 0; from < labels.length; from += PART_TOKENS) {
      const to = from + PART_TOKENS;
      const feeds = {
        last: floats(gatherRows(x, predecessors.subarray(from, to), hiddenSize), [PART_TOKENS, hiddenSize]),
        labels: int64s(labels.subarray(from, to), [PART_TOKENS, 1]),
        temperature: floats(temperature.subarray(from, to), [PART_TOKENS, 1]),
      };
      const part = (values: Float32Array): HostTensor => floats(values.subarray(from, to), [PART_TOKENS]);
      await this.#run('head', 0, feeds, { logProbs: part(scores.logProbs), entropies: part(scores.entropies) });
      await between();
    }
    return scores;
  }

  async #run(piece: Piece, layer: number, feeds: Feeds, into: Feeds): Promise<void> {
    const { session, parameters } = await this.#open(piece);
    const weights = [...parameters].map(([name, { shape }]) => {
      return [name, floats(this.weights.get(inLayer(layer, name))!, shape as readonly number[])] as const;
    });
    await session.run({ ...Object.fromEntries(weights), ...feeds }, Object.keys(into), into);
  }

  #open(piece: Piece): Promise<OpenedPiece> {
    return this.#opened.of(piece, async () => {
      const made = GRAPHS[piece](this.config);
      const settings = { ...this.settings, planMemory: false }; // runs differ in shape
      return { ...made, session: await Session.open(made.graph, settings) };
    });
  }

  #rope({ length, tokens, positions: ofTokens }: ScoreBatch): Pass['rope'] {
    // onnxruntime wants as many positions as it is given tokens at a time, too.
    const positions = Math.max(length, Math.min(tokens.length, this.limits.tokens));
    return ropeFeeds(this.config, positions, ofTokens);
  }
}

/**
 * The largest mean over each step of what its keys were given.
 * @param influence largest of the layers before, [B, K]; takes this one in
 * @param received by the keys of one row in one layer, [heads, S]
 */
function keepLargest(
  influence: Float32Array,
  received: Float32Array,
  length: number,
  row: number,
  { ranges, count }: StepColumns,
): void {
  for (let head = 0; head * length < received.length; head++) {
    ranges[row].forEach(([start, end], k) => {
      let sum = 0;
      for (let t = start; t < end; t++) sum += received[head * length + t];
      const place = row * count + k;
      influence[place] = Math.max(influence[place], sum / (end - start));
    });
  }
}
