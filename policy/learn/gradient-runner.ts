/** Runs training graphs over the micro-batches of a mini-batch and sums their gradients, in a fixed order. */
import { floats, type HostTensor, Session, type SessionSettings } from '../onnx/runtime.js';
import { type ModelConfig, ropeCaches } from '../qwen2/config.js';
import { parameters } from '../qwen2/parameters.js';
import { cutIntoMicroBatches, type MicroBatch, microBatch } from './micro-batches.js';
import type { MiniBatch } from './mini-batch.js';
import { type ParameterBuffer, parameterBuffer } from './parameter-buffer.js';
import {
  differentiated,
  EMBEDDED_GRADIENT,
  gradientOf,
  sumBefore,
  trainingGraph,
  type TrainingGoal,
} from './training-graph.js';

/** Further values per token of the mini-batch that the goal's graph takes, by input name. */
export type TokenColumns = Readonly<Record<string, ArrayLike<number>>>;

export interface Passed {
  /** Per token of the mini-batch; 0 where it is not trained. */
  readonly logProbs: Float32Array;
  /** Nats; only with a policy as goal. */
  readonly entropies: Float32Array;
}

export class GradientRunner {
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #sum: ParameterBuffer;
  #ropeCaches: ReturnType<typeof ropeCaches> = { cos: new Float32Array(0), sin: new Float32Array(0) };
  #embedded = new Float32Array(0);
  readonly #shapes: ReadonlyMap<string, readonly number[]>;

  constructor(
    private readonly config: ModelConfig,
    private readonly settings: SessionSettings,
  ) {
    this.#sum = parameterBuffer(config);
    this.#shapes = new Map(parameters(config).map(({ name, shape }) => [name, shape]));
  }

  /** Gradient of the last `run`; overwritten by the next. */
  get gradient(): ParameterBuffer {
    return this.#sum;
  }

  async run(
    weights: ParameterBuffer,
    batch: MiniBatch,
    columns: TokenColumns,
    goal: TrainingGoal,
    temperature: number,
    tokenBudget: number,
  ): Promise<Passed> {
    const size = batch.starts.at(-1)!;
    const passed = { logProbs: new Float32Array(size), entropies: new Float32Array(size) };
    const parameterFeeds = this.#tensors(weights, (name) => name, [...weights.views.keys()]);
    const derives = goal.kind !== 'log-probs';
    const summed = derives ? differentiated(this.config).map(({ name }) => name) : [];
    const sums = this.#tensors(this.#sum, sumBefore, summed);
    if (derives) this.#sum.all.fill(0);
    for (const members of cutIntoMicroBatches(batch, tokenBudget)) {
      const micro = microBatch(this.config, batch, members);
      if (!micro.trained.some((place) => place >= 0)) continue;
      const session = await this.#session(goal, temperature, micro);
      const feeds = {
        ...parameterFeeds,
        ...sums,
        ...this.#rope(micro.positions),
        ...micro.feeds,
        ...columnFeeds(micro, columns),
      };
      const perToken = goal.kind === 'policy' ? (['logProbs', 'entropies'] as const) : (['logProbs'] as const);
      const embedded = this.#embeddedGradient(micro);
      const into = {
        ...(derives ? { [EMBEDDED_GRADIENT]: embedded } : {}),
        ...this.#tensors(this.#sum, gradientOf, summed),
      };
      const results = await session.run(feeds, [...perToken, ...Object.keys(into)], into);
      if (derives) addRows(this.#sum.views.get('embedding')!, micro.feeds.tokens, embedded);
      for (const name of perToken) {
        const values = results[name].data as Float32Array;
        micro.trained.forEach((place, n) => {
          if (place >= 0) passed[name][place] = values[n]!;
        });
      }
    }
    return passed;
  }

  async close(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of sessions) await (await session).close();
  }

  #session(goal: TrainingGoal, temperature: number, { classes, rounds }: MicroBatch): Promise<Session> {
    const key = JSON.stringify([goal, temperature, classes, rounds]);
    const open = this.#sessions.get(key);
    if (open) return open;
    const session = Session.open(trainingGraph(this.config, goal, temperature, { classes, rounds }), {
      ...this.settings,
      planMemory: false,
    });
    this.#sessions.set(key, session);
    return session;
  }

  #rope(positions: number): Record<string, HostTensor> {
    const half = this.config.headSize / 2;
    if (this.#ropeCaches.cos.length < positions * half) this.#ropeCaches = ropeCaches(this.config, positions);
    const { cos, sin } = this.#ropeCaches;
    return { ropeCos: floats(cos, [cos.length / half, half]), ropeSin: floats(sin, [sin.length / half, half]) };
  }

  #tensors(
    { views }: ParameterBuffer,
    nameOf: (parameter: string) => string,
    names: readonly string[],
  ): Record<string, HostTensor> {
    return Object.fromEntries(names.map((name) => [nameOf(name), floats(views.get(name)!, this.#shapes.get(name)!)]));
  }

  /** Memory for it, the same in every run. */
  #embeddedGradient({ feeds }: MicroBatch): HostTensor {
    const dims = [...feeds.tokens.dims, this.config.hiddenSize];
    const size = dims.reduce((a, b) => a * b, 1);
    if (this.#embedded.length < size) this.#embedded = new Float32Array(size);
    return floats(this.#embedded.subarray(0, size), dims);
  }
}

function columnFeeds({ trained }: MicroBatch, columns: TokenColumns): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(columns).map(([name, values]) => [
      name,
      floats(
        Float32Array.from(trained, (place) => (place < 0 ? 0 : values[place])),
        [trained.length],
      ),
    ]),
  );
}

/** table[ids[t]] += rows[t] for each t, in order. */
function addRows(table: Float32Array, ids: HostTensor, rows: HostTensor): void {
  const width = rows.dims.at(-1)!;
  const values = rows.data as Float32Array;
  const places = ids.data as BigInt64Array;
  for (let t = 0; t < places.length; t++) {
    const row = Number(places[t]) * width;
    for (let i = 0; i < width; i++) table[row + i] += values[t * width + i];
  }
}
