/**
 * A batch through a large model piece by piece (`piece-graphs.ts`): in memory at a time are the hidden states, one layer's
 * queries, keys and values, and one piece's activations for some tokens. Between pieces, none of which takes more than
 * seconds, the process hears what it is told. The function is that of `score-graph.ts`.
 */
import { keepLargest } from './largest-influence.js';
import { LIMITS, type ScoreLimits } from '../../limits.js';
import { consecutive, gatherRows, inParts, type Rows } from '../rows.js';
import { floats, type HostTensor, int64s, Session, type SessionSettings } from '../runtime.js';
import { SessionPool } from '../session-pool.js';
import type { ModelConfig } from '../../model/config.js';
import { inLayer, parameterTensors } from '../transformer/parameter-values.js';
import type { Weights } from '../../model/parameters.js';
import { ropeFeeds } from '../../model/rope-tables.js';
import type { BatchScores, ScoreBatch, ScorePass } from './batch.js';
import { attentionGraph, feedForwardGraph, headGraph, type PieceGraph, projectionGraph } from './piece-graphs.js';
import { PassMemory } from './pass-memory.js';
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

/** What a run of attention takes and finds: queries and `attended` of the run, keys and values of all tokens of its sequences. */
type RunMemory = Projected & { readonly attended: Float32Array };

/** Some queries of some sequences: all of several, or some of one. */
interface AttentionRun {
  readonly row: number;
  /** Sequences. */
  readonly rows: number;
  /** Within the sequence. */
  readonly from: number;
  readonly to: number;
}

export class PiecewisePass implements ScorePass {
  readonly #opened = new SessionPool<OpenedPiece>();
  readonly #tensor: ReturnType<typeof parameterTensors>;
  readonly #memory = new PassMemory();

  constructor(
    private readonly config: ModelConfig,
    private readonly weights: Weights,
    private readonly settings: SessionSettings,
    private readonly limits: ScoreLimits['pieces'] = (settings.limits ?? LIMITS).score.pieces,
  ) {
    this.#tensor = parameterTensors(config);
  }

  async run(batch: ScoreBatch, between: () => Promise<void>): Promise<BatchScores> {
    const { rows, length, tokens, steps } = batch;
    const pass = { ...batch, between, rope: this.#rope(batch) };
    const influence = steps && new Float32Array(rows * steps.count);
    const { hiddenSize, heads, kvHeads, headSize } = this.config;
    const together = this.#rowsOfRun(batch);
    // The same memory for all layers.
    const matrix = (name: string, width: number): Float32Array => this.#memory.matrix(name, tokens.length, width);
    const projected = {
      queries: matrix('queries', heads * headSize),
      keys: matrix('keys', kvHeads * headSize),
      values: matrix('values', kvHeads * headSize),
    };
    const attended = matrix('attended', heads * headSize);
    const memory = this.#runMemory(batch);
    let next = matrix('next', hiddenSize);
    let x = gatherRows(this.weights.get('embedding')!, tokens, hiddenSize, matrix('x', hiddenSize));
    for (let layer = 0; layer < this.config.layers; layer++) {
      await this.#project(pass, layer, x, projected);
      for (let row = 0; row < rows; row += together) {
        const some = Math.min(together, rows - row);
        const received = await this.#attention(pass, row, some, projected, attended, memory);
        if (!influence || !received) continue;
        const ofRow = heads * length;
        for (let r = 0; r < some; r++)
          keepLargest(influence, received.subarray(r * ofRow, (r + 1) * ofRow), length, row + r, steps);
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
   * Of sequences one behind another, into `attended` [D, heads * headSize].
   * @param memory for a run's operands, see `#runMemory`
   * @returns what each key was given, [rows, heads, S]; undefined where it is not wanted
   */
  async #attention(
    pass: Pass,
    row: number,
    rows: number,
    projected: Projected,
    attended: Float32Array,
    memory: RunMemory,
  ): Promise<Float32Array | undefined> {
    const { length, block, spread, steps, between } = pass;
    const { heads, kvHeads, headSize } = this.config;
    const width = heads * headSize;
    const gathered = (name: keyof Projected, count: number, { from, to }: Pick<AttentionRun, 'from' | 'to'>) => {
      const distinct = spread.subarray(row * length + from, (row + rows - 1) * length + to);
      const into = memory[name].subarray(0, distinct.length * count * headSize);
      const values = gatherRows(projected[name], distinct, count * headSize, into);
      return floats(values, [rows, to - from, count * headSize]);
    };
    const whole = { from: 0, to: length };
    const [keys, values] = [gathered('keys', kvHeads, whole), gathered('values', kvHeads, whole)];
    let received = steps && new Float32Array(rows * heads * length);
    const most = rows > 1 ? length : this.#queriesOfRun(block);
    for (let from = 0; from < length; from += most) {
      const run = { row, rows, from, to: Math.min(length, from + most) };
      const queries = run.to - from;
      const feeds = {
        queries: gathered('queries', heads, run),
        keys,
        values,
        block: int64s(BigInt64Array.of(BigInt(block)), []),
        blocks: int64s(BigInt64Array.of(BigInt(queries / block)), []),
        before: int64s(BigInt64Array.of(BigInt(from)), [1]),
      };
      const ofQueries = memory.attended.subarray(0, rows * queries * width);
      const into = { attended: floats(ofQueries, [rows, queries, width]) };
      if (steps && received) {
        const [start, end] = [row * length + from, (row + rows - 1) * length + run.to];
        const after = new Float32Array(received.length);
        const columns = {
          stepWeight: floats(steps.weight.subarray(start, end), [rows, queries]),
          reach: int64s(steps.reach.subarray(start, end), [rows, queries]),
          receivedBefore: floats(received, [rows, heads, length]),
        };
        const receivedAfter = floats(after, [rows, heads, length]);
        await this.#run('attention with influence', 0, { ...feeds, ...columns }, { ...into, receivedAfter });
        received = after;
      } else {
        await this.#run('attention', 0, feeds, into);
      }
      bringBack(pass, run, ofQueries, attended);
      await between();
    }
    return received;
  }

  /** Sequences that attend in one run: many short runs would take longer than their products. */
  #rowsOfRun({ rows, length, block }: ScoreBatch): number {
    return Math.max(1, Math.min(rows, Math.floor(this.#queriesOfRun(block) / length)));
  }

  /** The last queries of a padded block belong to it: runs are whole blocks. */
  #queriesOfRun(block: number): number {
    return Math.max(1, Math.floor(this.limits.queries / block)) * block;
  }

  /** The same for all runs and layers: what each would leave behind adds up. */
  #runMemory(batch: ScoreBatch): RunMemory {
    const { heads, kvHeads, headSize } = this.config;
    const places = this.#rowsOfRun(batch) * batch.length;
    const queries = Math.min(places, this.#queriesOfRun(batch.block));
    const matrix = (name: string, rows: number, count: number): Float32Array =>
      this.#memory.matrix(`${name} of a run`, rows, count * headSize);
    return {
      queries: matrix('queries', queries, heads),
      attended: matrix('attended', queries, heads),
      keys: matrix('keys', places, kvHeads),
      values: matrix('values', places, kvHeads),
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
    const weights = [...parameters.keys()].map(
      (name) => [name, this.#tensor(this.weights, inLayer(layer, name))] as const,
    );
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
 * What the queries of a run found, to the distinct tokens, each from the first place at which it stands.
 * @param ofQueries [rows * queries, heads * headSize]
 * @param attended [D, heads * headSize]
 */
function bringBack(
  { length, spread, found }: Pass,
  { row, rows, from, to }: AttentionRun,
  ofQueries: Float32Array,
  attended: Float32Array,
): void {
  const queries = to - from;
  const width = ofQueries.length / (rows * queries);
  for (let r = 0; r < rows; r++) {
    const start = (row + r) * length + from;
    let count: number;
    for (let q = 0; q < queries; q += count) {
      const distinct = Number(spread[start + q]);
      count = 1;
      if (Number(found[distinct]) !== start + q) continue;
      // Behind the first token that no sequence before had, none of them had any.
      count = consecutive(spread, start + q, start + queries);
      const at = (r * queries + q) * width;
      attended.set(ofQueries.subarray(at, at + count * width), distinct * width);
    }
  }
}
