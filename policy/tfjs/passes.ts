/** Passes over mini-batches, micro-batch by micro-batch; gradients are summed in a fixed order. */
import { policyLoss } from '../../algorithm/loss.js';
import type { Between } from '../training/between.js';
import { emptyPassResult, type PassResult, type TokenColumns } from '../training/pass-result.js';
import { PartialSums, partialSumsOf, type WorkerGroup } from '../training/partial-sums.js';
import { cutIntoMicroBatches, type MicroBatch, microBatch } from '../training/micro-batches.js';
import type { MiniBatch } from '../training/mini-batch.js';
import { summationRounds } from '../onnx/learn/summation.js';
import type { TrainingGoal } from '../onnx/learn/training-graph.js';
import { type Limits, LIMITS } from '../limits.js';
import type { ModelConfig } from '../model/config.js';
import { hasLargeWeights } from '../model/large.js';
import { forward, forwardAndBackward } from './block.js';
import { BlockWeights } from './block-weights.js';
import { asInt32, head, type Slopes, type TokenResults } from './head.js';
import { attentionBlock, feedForwardBlock, type Parameters } from './layers.js';
import { concat, floats, gather, int32s } from './operators.js';
import { Rotations } from './rotation.js';
import type { Tensor, TensorFlow } from './device.js';
import { type AttentionInputs, attentionInputs, keptByAttention } from './tree-attention.js';
import { summation } from './summation.js';
import type { Variables } from './variables.js';

export interface PassSettings {
  /** Left out: `LIMITS`. */
  readonly limits?: Limits;
  /** Those with whom the work on a small model is shared; left out: nobody. */
  readonly group?: WorkerGroup;
}

export class Passes {
  /** A large model has one sum, which does not leave the device. */
  readonly #partialSums: PartialSums | undefined;
  readonly #rotations: Rotations;
  readonly #limits: Limits['tensorFlow'];

  constructor(
    private readonly tf: TensorFlow,
    private readonly config: ModelConfig,
    /** The sums: of the last run that had a goal. */
    readonly gradients: Variables,
    settings: PassSettings,
  ) {
    this.#limits = (settings.limits ?? LIMITS).tensorFlow;
    this.#rotations = new Rotations(config);
    this.#partialSums = hasLargeWeights(config) ? undefined : new PartialSums(config, settings.group);
  }

  /** @param columns further values per token of the mini-batch */
  async run(
    parameters: Variables,
    between: Between,
    batch: MiniBatch,
    columns: TokenColumns,
    goal: TrainingGoal,
    temperature: number,
    tokenBudget: number,
  ): Promise<PassResult> {
    const passed = emptyPassResult(batch, columns);
    const derives = goal.kind !== 'log-probs';
    const all = cutIntoMicroBatches(batch, tokenBudget);
    const own = this.#partialSums?.own(all) ?? [{ partial: 0, microBatches: all }];
    const total = own.reduce((sum, { microBatches }) => sum + microBatches.length, 0);
    const weights = new BlockWeights(this.tf, this.config, parameters, this.#partialSums !== undefined);
    try {
      let done = 0;
      for (const { partial, microBatches } of own) {
        if (derives) this.gradients.clear();
        for (const members of microBatches) {
          await between(done++, total);
          const micro = microBatch(this.config, batch, members);
          if (!micro.trained.some((place) => place >= 0)) continue;
          const slopes = slopesOf(goal, batch, columns, micro.trained);
          const results = this.#pass({ weights, gradients: this.gradients }, micro, temperature, slopes);
          micro.trained.forEach((place, n) => {
            if (place < 0) return;
            passed.logProbs[place] = results.logProbs[n];
            passed.entropies[place] = results.entropies[n];
          });
        }
        if (derives) this.#partialSums?.put(partial, this.gradients.downloadAll());
      }
      if (!derives) return passed;
      if (this.#partialSums) {
        await this.#partialSums.exchange(passed, partialSumsOf(all.length));
        this.gradients.set(this.#partialSums.sum);
      }
      weights.finish(this.gradients);
      return passed;
    } finally {
      weights.close();
    }
  }

  #pass(parameters: Parameters, micro: MicroBatch, temperature: number, slopes: Slopes): TokenResults {
    const { tf, config } = this;
    const count = micro.trained.length;
    const results = { logProbs: new Float32Array(count), entropies: new Float32Array(count) };
    tf.tidy(() => {
      const attention = attentionInputs(tf, config, this.#rotations, micro);
      const blocks = Array.from({ length: config.layers }, (_, layer) => [
        attentionBlock(tf, config, parameters, attention, layer),
        feedForwardBlock(tf, config, parameters, layer),
      ]).flat();
      const end = (x: Tensor) =>
        head(tf, config, parameters, micro, temperature, slopes, this.#limits.logits, results, x);
      const tokens = asInt32(micro.feeds.tokens.data as BigInt64Array);
      const ids = int32s(tf, tokens, [tokens.length]);
      const embedded = tf.tidy(() => gather(tf, parameters.weights.read('embedding'), ids));
      if (!slopes) end(forward(tf, blocks, embedded));
      else {
        const rows = forwardAndBackward(
          tf,
          blocks,
          embedded,
          (x) => end(x)!,
          this.#recomputes(attention, tokens.length),
        );
        addRows(tf, parameters.gradients, tokens, rows);
      }
    });
    return results;
  }

  /** Whether the blocks would keep too much: inputs, what the gate needs, and what attention needs. */
  #recomputes(attention: AttentionInputs, tokens: number): boolean {
    const { layers, hiddenSize, intermediateSize } = this.config;
    const perToken = 2 * hiddenSize + 4 * intermediateSize;
    const perLayer = tokens * perToken + keptByAttention(this.config, attention, tokens);
    return layers * perLayer * Float32Array.BYTES_PER_ELEMENT > this.#limits.keptBytes;
  }
}

/** Adds each token's row to that of its id. Rows of the same id are summed before, in one order. */
function addRows(tf: TensorFlow, gradients: Variables, tokens: Int32Array, rows: Tensor): void {
  const [count, width] = rows.shape;
  const places = new Map<number, number[]>();
  tokens.forEach((id, t) => {
    const own = places.get(id);
    if (own) own.push(t);
    else places.set(id, [t]);
  });
  const start = concat(tf, [rows, floats(tf, new Float32Array(width), [1, width])], 0);
  const sums = summation(
    tf,
    start,
    summationRounds([...places.values()], count).map((lists) => lists.map((list) => int32s(tf, list, [list.length]))),
  );
  const ids = Int32Array.from(places.keys());
  gradients.addRows('embedding', int32s(tf, ids, [ids.length]), sums);
}

/** Of the loss, on doubles in its reference form. */
function slopesOf(
  goal: TrainingGoal,
  { shares }: MiniBatch,
  columns: TokenColumns,
  trained: readonly number[],
): Slopes {
  if (goal.kind === 'log-probs') return undefined;
  return (logProbs, from) => {
    const places = trained.slice(from, from + logProbs.length);
    const of = (values: ArrayLike<number>): Float32Array =>
      Float32Array.from(places, (place) => (place < 0 ? 0 : values[place]));
    if (goal.kind === 'cross-entropy') return of(shares).map((share) => -share);
    const tokens = {
      logProbs,
      oldLogProbs: columns['oldLogProbs'] ? of(columns['oldLogProbs']) : logProbs,
      refLogProbs: columns['refLogProbs'] ? of(columns['refLogProbs']) : logProbs,
      advantages: of(columns['advantages']),
      weights: of(shares),
      total: 1,
    };
    return Float32Array.from(policyLoss(tokens, goal.loss).gradient);
  };
}
