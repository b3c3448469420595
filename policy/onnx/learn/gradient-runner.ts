/** Runs training graphs over the micro-batches of a mini-batch and sums their gradients, in a fixed order. */
import { floats, type HostTensor, int64s, Session, type SessionSettings } from '../runtime.js';
import { SessionPool } from '../session-pool.js';
import type { ModelConfig } from '../../model/config.js';
import { parameters, type Weights } from '../../model/parameters.js';
import { type RopeTables, ropeTables } from '../../model/rope-tables.js';
import type { Between } from '../../training/between.js';
import { PartialSums, partialSumsOf, type WorkerGroup } from '../../training/partial-sums.js';
import { cutIntoMicroBatches, type MicroBatch, microBatch } from '../../training/micro-batches.js';
import type { MiniBatch } from '../../training/mini-batch.js';
import { addRows, columnFeeds, type GradientSource } from '../../training/gradient-source.js';
import { emptyPassResult, type PassResult, type TokenColumns } from '../../training/pass-result.js';
import {
  differentiated,
  EMBEDDED_GRADIENT,
  gradientOf,
  sumBefore,
  trainingGraph,
  type TrainingGoal,
} from './training-graph.js';

export class GradientRunner implements GradientSource {
  readonly #sessions = new SessionPool<{ readonly session: Session }>();
  readonly #partialSums: PartialSums;
  #ropeTables: RopeTables = { cos: new Float32Array(0), sin: new Float32Array(0) };
  #embedded = new Float32Array(0);
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  constructor(
    private readonly config: ModelConfig,
    private readonly settings: SessionSettings,
    group?: WorkerGroup,
  ) {
    this.#partialSums = new PartialSums(config, group);
    this.#shapes = new Map(parameters(config).map(({ name, shape }) => [name, shape]));
  }

  get gradient(): Weights {
    return this.#partialSums.sum;
  }

  /** Before a policy's first step. */
  restart(): void {
    this.#partialSums.restart();
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
    if (derives) this.#partialSums.clear();
    const parameterFeeds = this.#tensors(weights, (name) => name, [...weights.keys()]);
    const microBatches = cutIntoMicroBatches(batch, tokenBudget);
    const own = this.#partialSums
      .own(microBatches)
      .flatMap((one) => one.microBatches.map((members) => ({ ...one, members })));
    for (const [i, { partial, members }] of own.entries()) {
      await between(i, own.length);
      const micro = microBatch(this.config, batch, members);
      if (!micro.trained.some((place) => place >= 0)) continue;
      const session = await this.#session(goal, temperature, micro);
      const feeds = {
        ...parameterFeeds,
        ...this.#rope(micro.positions),
        ...micro.feeds,
        ...columnFeeds(micro, columns),
        ...(session.takesEmptyInputs ? {} : noEmptyInputs(micro)),
      };
      await this.#pass(session, feeds, micro, derives ? this.#partialSums.of(partial) : undefined, passed, goal);
    }
    if (derives) await this.#partialSums.exchange(passed, partialSumsOf(microBatches.length));
    return passed;
  }

  /** @param sum gets the micro-batch's gradient added; without, none is computed */
  async #pass(
    session: Session,
    feeds: Readonly<Record<string, HostTensor>>,
    micro: MicroBatch,
    sum: Weights | undefined,
    passed: PassResult,
    goal: TrainingGoal,
  ): Promise<void> {
    const perToken = goal.kind === 'policy' ? (['logProbs', 'entropies'] as const) : (['logProbs'] as const);
    const summed = sum ? differentiated(this.config).map(({ name }) => name) : [];
    const embedded = this.#embeddedGradient(micro);
    const into = sum ? { [EMBEDDED_GRADIENT]: embedded, ...this.#tensors(sum, gradientOf, summed) } : {};
    const before = sum ? this.#tensors(sum, sumBefore, summed) : {};
    const results = await session.run({ ...feeds, ...before }, [...perToken, ...Object.keys(into)], into);
    if (sum) addRows(sum.get('embedding')!, micro.feeds.tokens, embedded);
    for (const name of perToken) {
      const values = results[name].data as Float32Array;
      micro.trained.forEach((place, n) => {
        if (place >= 0) passed[name][place] = values[n]!;
      });
    }
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  async #session(goal: TrainingGoal, temperature: number, { classes, rounds }: MicroBatch): Promise<Session> {
    const key = JSON.stringify([goal, temperature, classes, rounds]);
    const { session } = await this.#sessions.of(key, async () => {
      const graph = trainingGraph(this.config, goal, temperature, { classes, rounds });
      return { session: await Session.open(graph, { ...this.settings, planMemory: false }) };
    });
    return session;
  }

  #rope(positions: number): Record<string, HostTensor> {
    const half = this.config.headSize / 2;
    if (this.#ropeTables.cos.length < positions * half) this.#ropeTables = ropeTables(this.config, positions);
    const { cos, sin } = this.#ropeTables;
    return { ropeCos: floats(cos, [cos.length / half, half]), ropeSin: floats(sin, [sin.length / half, half]) };
  }

  #tensors(
    values: Weights,
    nameOf: (parameter: string) => string,
    names: readonly string[],
  ): Record<string, HostTensor> {
    return Object.fromEntries(names.map((name) => [nameOf(name), floats(values.get(name)!, this.#shapes.get(name)!)]));
  }

  /** Memory for it, the same in every run. */
  #embeddedGradient({ feeds }: MicroBatch): HostTensor {
    const dims = [...feeds.tokens.dims, this.config.hiddenSize];
    const size = dims.reduce((a, b) => a * b, 1);
    if (this.#embedded.length < size) this.#embedded = new Float32Array(size);
    return floats(this.#embedded.subarray(0, size), dims);
  }
}

/** Where no token is a later sibling: the sibling of none, whose gradient goes nowhere. */
function noEmptyInputs({ feeds }: MicroBatch): Record<string, HostTensor> {
  return feeds['laterSiblings'].data.length > 0 ? {} : { laterSiblings: int64s(BigInt64Array.of(-1n), [1]) };
}
