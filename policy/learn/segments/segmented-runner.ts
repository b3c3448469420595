/**
 * The gradient of a large model, piece by piece: forward through the layers, keeping of each only what went into it and
 * what its attention found; then backward, where each piece is computed again and derived at once. In memory at a time are
 * the model, its gradient, and one piece's activations for some tokens (`SegmentLimits`).
 *
 * The function is that of `gradient-runner.ts`; sums are cut elsewhere, so the last bits differ.
 */
import { LIMITS, type SegmentLimits } from '../../limits.js';
import { gatherRows, inParts, type Rows } from '../../onnx/rows.js';
import { floats, type HostTensor, type SessionSettings } from '../../onnx/runtime.js';
import type { ModelConfig } from '../../transformer/config.js';
import { emptyParameters, type Weights } from '../../transformer/parameters.js';
import { ropeFeeds } from '../../transformer/rope-tables.js';
import type { Between } from '../between.js';
import {
  addRows,
  columnFeeds,
  type GradientSource,
  nothingPassed,
  type Passed,
  type TokenColumns,
} from '../gradient-source.js';
import { cutIntoMicroBatches, type MicroBatch, microBatch } from '../micro-batches.js';
import type { MiniBatch } from '../mini-batch.js';
import { gradientOf, type TrainingGoal } from '../training-graph.js';
import { AttentionPass, type Projected } from './attention-pass.js';
import { SegmentSessions } from './segment-sessions.js';

/** Of a micro-batch, what the forward pass keeps of a layer. */
interface Kept {
  readonly x: Float32Array /* [T, hidden] */;
  readonly attended: Float32Array /* [T, heads * headSize] */;
}

/** What all steps of a micro-batch's pass need. Axes: T tokens, N trained tokens. */
interface Pass {
  readonly weights: Weights;
  readonly micro: MicroBatch;
  readonly attention: AttentionPass;
  readonly rope: (rows: Rows) => Record<string, HostTensor>;
}

export class SegmentedRunner implements GradientSource {
  readonly gradient: Weights;
  readonly #sessions: SegmentSessions;

  constructor(
    private readonly config: ModelConfig,
    settings: SessionSettings,
    private readonly limits: SegmentLimits = (settings.limits ?? LIMITS).learn.segments,
  ) {
    this.gradient = emptyParameters(config);
    this.#sessions = new SegmentSessions(config, settings, this.gradient);
  }

  async run(
    weights: Weights,
    between: Between,
    batch: MiniBatch,
    columns: TokenColumns,
    goal: TrainingGoal,
    temperature: number,
    tokenBudget: number,
  ): Promise<Passed> {
    const passed = nothingPassed(batch, columns);
    if (goal.kind !== 'log-probs') for (const values of this.gradient.values()) values.fill(0);
    const microBatches = cutIntoMicroBatches(batch, tokenBudget);
    for (const [i, members] of microBatches.entries()) {
      await between(i, microBatches.length);
      const micro = microBatch(this.config, batch, members);
      if (!micro.trained.some((place) => place >= 0)) continue;
      const attention = new AttentionPass(this.config, micro, this.#sessions, this.limits.scores);
      const pass = { weights, micro, attention, rope: this.#rope(micro) };
      const kept: Kept[] = [];
      const x = await this.#forward(pass, goal.kind === 'log-probs' ? undefined : kept);
      const dx = await this.#head(pass, x, columnFeeds(micro, columns), goal, temperature, passed);
      if (dx) await this.#backward(pass, kept, dx);
    }
    return passed;
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  /** @param kept gets an entry per layer. @returns the last hidden states, [T, hidden] */
  async #forward(pass: Pass, kept: Kept[] | undefined): Promise<Float32Array> {
    const { weights, micro, attention } = pass;
    const { hiddenSize, layers } = this.config;
    let x = gatherRows(weights.get('embedding')!, micro.feeds.tokens.data as BigInt64Array, hiddenSize);
    for (let layer = 0; layer < layers; layer++) {
      const attended = await attention.forward(await this.#projected(pass, layer, x));
      kept?.push({ x, attended });
      const [before, y] = [x, new Float32Array(x.length)];
      await this.#overTokens(pass, (rows) =>
        this.#sessions.run(
          'feed-forward',
          weights,
          layer,
          { x: rows.of(before), attended: rows.of(attended) },
          { y: rows.of(y) },
        ),
      );
      x = y;
    }
    return x;
  }

  /** From the gradient of the last hidden states to those of all parameters but the head's. */
  async #backward(pass: Pass, kept: Kept[], dLast: Float32Array): Promise<void> {
    const { weights, micro, attention } = pass;
    const { hiddenSize } = this.config;
    let dy = dLast;
    for (let layer = kept.length - 1; layer >= 0; layer--) {
      const { x, attended } = kept.pop()!;
      const [given, dBeside, dAttended] = [dy, new Float32Array(x.length), new Float32Array(attended.length)];
      await this.#overTokens(pass, (rows) =>
        this.#sessions.run(
          'feed-forward gradient',
          weights,
          layer,
          { x: rows.of(x), attended: rows.of(attended), [gradientOf('y')]: rows.of(given) },
          { [gradientOf('x')]: rows.of(dBeside), [gradientOf('attended')]: rows.of(dAttended) },
        ),
      );
      const d = await attention.backward(await this.#projected(pass, layer, x), attended, dAttended);
      const dx = new Float32Array(x.length);
      await this.#overTokens(pass, (rows) => {
        const results = Object.entries(d).map(([name, values]) => [gradientOf(name), rows.of(values as Float32Array)]);
        const feeds = {
          x: rows.of(x),
          ...pass.rope(rows),
          ...(Object.fromEntries(results) as Record<string, HostTensor>),
        };
        return this.#sessions.run('projection gradient', weights, layer, feeds, { [gradientOf('x')]: rows.of(dx) });
      });
      for (let i = 0; i < dx.length; i++) dx[i] += dBeside[i];
      dy = dx;
    }
    const { tokens } = micro.feeds;
    addRows(this.gradient.get('embedding')!, tokens, floats(dy, [...tokens.dims, hiddenSize]));
  }

  /** Queries, keys and values of all tokens. */
  async #projected(pass: Pass, layer: number, x: Float32Array): Promise<Projected> {
    const { hiddenSize, heads, kvHeads, headSize } = this.config;
    const matrix = (count: number): Float32Array => new Float32Array((x.length / hiddenSize) * count * headSize);
    const projected = { queries: matrix(heads), keys: matrix(kvHeads), values: matrix(kvHeads) };
    await this.#overTokens(pass, (rows) =>
      this.#sessions.run(
        'projection',
        pass.weights,
        layer,
        { x: rows.of(x), ...pass.rope(rows) },
        { queries: rows.of(projected.queries), keys: rows.of(projected.keys), values: rows.of(projected.values) },
      ),
    );
    return projected;
  }

  /** Log-probs and entropies go into `passed`. @returns the gradient of the last hidden states, if there is one */
  async #head(
    { weights, micro: { feeds, trained } }: Pass,
    x: Float32Array,
    columns: Readonly<Record<string, HostTensor>>,
    goal: TrainingGoal,
    temperature: number,
    passed: Passed,
  ): Promise<Float32Array | undefined> {
    const { hiddenSize: width, vocabSize } = this.config;
    const derives = goal.kind !== 'log-probs';
    const last = gatherRows(x, feeds['predecessors'].data as BigInt64Array, width); // [N, hidden]
    const dLast = new Float32Array(derives ? last.length : 0);
    const wanted = goal.kind === 'policy' ? (['logProbs', 'entropies'] as const) : (['logProbs'] as const);
    const most = Math.max(this.limits.headTokens, Math.floor(this.limits.logits / vocabSize));
    await inParts(trained.length, most, async (rows) => {
      const own = { last: rows.of(last), ...part({ ...columns, labels: feeds['labels'] }, rows) };
      const into = derives ? { [gradientOf('last')]: rows.of(dLast) } : {};
      const results = await this.#sessions.runHead(goal, temperature, weights, own, into, wanted);
      for (const name of wanted) {
        const values = results[name].data as Float32Array;
        values.forEach((value, n) => {
          const place = trained[rows.from + n];
          if (place >= 0) passed[name][place] = value;
        });
      }
    });
    if (!derives) return undefined;
    const dx = new Float32Array(x.length);
    addRows(dx, feeds['predecessors'], floats(dLast, [trained.length, width]));
    return dx;
  }

  async #overTokens({ micro }: Pass, work: (rows: Rows) => Promise<unknown>): Promise<void> {
    await inParts(micro.depths.length, this.limits.tokens, async (rows) => {
      await work(rows);
    });
  }

  /** Each token's position, and the tables for them. */
  #rope({ depths, ...micro }: MicroBatch): Pass['rope'] {
    // onnxruntime wants as many as it is given tokens at a time, too.
    const positions = Math.max(micro.positions, Math.min(depths.length, this.limits.tokens));
    return ropeFeeds(this.config, positions, BigInt64Array.from(depths, BigInt));
  }
}

/** Rows [from, to) of each tensor, seen and not copied. */
function part(tensors: Readonly<Record<string, HostTensor>>, { from, to }: Rows): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { type, data, dims }]) => [
      name,
      { type, data: data.subarray(from, to), dims: [to - from, ...dims.slice(1)] },
    ]),
  );
}
