/**
 * The gradient of a large model, piece by piece: forward through the layers, keeping of each what went into it and what its
 * attention found, and as much of the rest as the memory budget allows; then backward, where the rest is computed again. In
 * memory at a time are the model, its gradient, what is kept, and one piece's activations for some tokens (`SegmentLimits`).
 *
 * The function is that of `gradient-runner.ts`; sums are cut elsewhere, so the last bits differ.
 */
import { type LearnLimits, LIMITS } from '../../../limits.js';
import { gatherRows, inParts, type Rows } from '../../rows.js';
import { floats, type HostTensor, type SessionSettings } from '../../runtime.js';
import type { ModelConfig } from '../../../model/config.js';
import { emptyParameters, type Weights } from '../../../model/parameters.js';
import type { Between } from '../../../training/between.js';
import { addRows, columnFeeds, type GradientSource } from '../../../training/gradient-source.js';
import { emptyPassResult, type PassResult, type TokenColumns } from '../../../training/pass-result.js';
import { cutIntoMicroBatches, type MicroBatch, microBatch, tokensOf } from '../../../training/micro-batches.js';
import type { MiniBatch } from '../../../training/mini-batch.js';
import { gradientOf, type TrainingGoal } from '../training-graph.js';
import { LayerPieces } from './layer-pieces.js';
import { layersKept } from './memory-budget.js';
import { SegmentSessions } from './segment-sessions.js';
import { WorkingMemory } from './working-memory.js';

/** What all steps of a micro-batch's pass need. Axes: T tokens, N trained tokens. */
interface Pass {
  readonly weights: Weights;
  readonly micro: MicroBatch;
  readonly memory: WorkingMemory;
  readonly pieces: LayerPieces;
  /** It goes backward as well. */
  readonly derives: boolean;
}

export class SegmentedRunner implements GradientSource {
  readonly gradient: Weights;
  readonly #sessions: SegmentSessions;
  readonly #limits: LearnLimits;
  #working = new WorkingMemory(0, 0);

  constructor(
    private readonly config: ModelConfig,
    settings: SessionSettings,
    private readonly hasReference = false,
  ) {
    this.#limits = (settings.limits ?? LIMITS).learn;
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
  ): Promise<PassResult> {
    const passed = emptyPassResult(batch, columns);
    const derives = goal.kind !== 'log-probs';
    if (derives) for (const values of this.gradient.values()) values.fill(0);
    const microBatches = cutIntoMicroBatches(batch, tokenBudget);
    const most = Math.max(...microBatches.map((members) => tokensOf(batch, members)));
    const memory = this.#memoryFor(most);
    const kept = derives ? this.#layersKept(memory.tokens) : 0;
    for (const [i, members] of microBatches.entries()) {
      await between(i, microBatches.length);
      const micro = microBatch(this.config, batch, members);
      if (!micro.trained.some((place) => place >= 0)) continue;
      const pieces = new LayerPieces(this.config, weights, this.#sessions, memory, micro, this.#limits.segments, kept);
      const pass = { weights, micro, memory, pieces, derives };
      const x = await this.#forward(pass);
      const dx = await this.#head(pass, x, columnFeeds(micro, columns), goal, temperature, passed);
      if (dx) await this.#backward(pass, dx);
    }
    return passed;
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  #layersKept(tokens: number): number {
    const { segments, updateBytes } = this.#limits;
    return layersKept(this.config, segments, tokens, this.hasReference, updateBytes);
  }

  /** That of the passes before where it is enough for micro-batches of so many tokens. */
  #memoryFor(tokens: number): WorkingMemory {
    if (this.#working.tokens < tokens) {
      const rounded = Math.ceil(tokens / ROUNDED_TO) * ROUNDED_TO; // the next ones may be a little longer
      this.#working = new WorkingMemory(rounded, this.#limits.segments.tokens);
    }
    return this.#working;
  }

  /** @returns the last hidden states, [T, hidden] */
  async #forward(pass: Pass): Promise<Float32Array> {
    const { layers, hiddenSize } = this.config;
    const tokens = pass.micro.feeds.tokens.data as BigInt64Array;
    gatherRows(pass.weights.get('embedding')!, tokens, hiddenSize, this.#hidden(pass, 0));
    for (let layer = 0; layer < layers; layer++) {
      await pass.pieces.forward(
        layer,
        this.#hidden(pass, layer),
        this.#attended(pass, layer),
        this.#hidden(pass, layer + 1),
      );
    }
    return this.#hidden(pass, layers);
  }

  /** From the gradient of the last hidden states to those of all parameters but the head's. */
  async #backward(pass: Pass, dLast: Float32Array): Promise<void> {
    const { hiddenSize, layers } = this.config;
    const { tokens } = pass.micro.feeds;
    let [dy, dx] = [dLast, pass.memory.matrix('d x', tokens.data.length, hiddenSize)];
    for (let layer = layers - 1; layer >= 0; layer--) {
      await pass.pieces.backward(layer, this.#hidden(pass, layer), this.#attended(pass, layer), dy, dx);
      [dy, dx] = [dx, dy];
    }
    addRows(this.gradient.get('embedding')!, tokens, floats(dy, [...tokens.dims, hiddenSize]));
  }

  /** Hidden states before a layer, [T, hidden]: of all layers, or of two in turn where nothing is derived. */
  #hidden({ memory, micro, derives }: Pass, layer: number): Float32Array {
    return memory.matrix(`x ${derives ? layer : layer % 2}`, micro.depths.length, this.config.hiddenSize);
  }

  /** What a layer's attention found, [T, heads * headSize]. */
  #attended({ memory, micro, derives }: Pass, layer: number): Float32Array {
    const { heads, headSize } = this.config;
    return memory.matrix(`attended ${derives ? layer : 0}`, micro.depths.length, heads * headSize);
  }

  /** Log-probs and entropies go into `passed`. @returns the gradient of the last hidden states, if there is one */
  async #head(
    { weights, memory, micro: { feeds, trained }, derives }: Pass,
    x: Float32Array,
    columns: Readonly<Record<string, HostTensor>>,
    goal: TrainingGoal,
    temperature: number,
    passed: PassResult,
  ): Promise<Float32Array | undefined> {
    const { hiddenSize: width, vocabSize } = this.config;
    const last = gatherRows(x, feeds['predecessors'].data as BigInt64Array, width); // [N, hidden]
    const dLast = new Float32Array(derives ? last.length : 0);
    const wanted = goal.kind === 'policy' ? (['logProbs', 'entropies'] as const) : (['logProbs'] as const);
    const most = Math.max(this.#limits.segments.headTokens, Math.floor(this.#limits.segments.logits / vocabSize));
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
    const dx = memory.matrix('d last', x.length / width, width).fill(0);
    addRows(dx, feeds['predecessors'], floats(dLast, [trained.length, width]));
    return dx;
  }
}

const ROUNDED_TO = 256;

/** Rows [from, to) of each tensor, seen and not copied. */
function part(tensors: Readonly<Record<string, HostTensor>>, { from, to }: Rows): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { type, data, dims }]) => [
      name,
      { type, data: data.subarray(from, to), dims: [to - from, ...dims.slice(1)] },
    ]),
  );
}
