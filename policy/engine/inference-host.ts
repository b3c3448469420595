/** The inside of the inference engine's process: policies in use, their generators and scorers, one run at a time. */
import { totalmem } from 'node:os';
import type {
  GenerateProgress,
  Growth,
  PolicyFiles,
  Rollout,
  RolloutRequest,
  Score,
  ScoreRequest,
} from '../../contracts/engine.js';
import { GenerationInterrupted } from '../../contracts/engine-errors.js';
import { loadWeights } from '../checkpoint/load.js';
import { Generator, type GeneratorSettings, type Submitted } from '../generate/generator.js';
import type { ModelConfig } from '../transformer/config.js';
import { parameterCount, type Weights } from '../transformer/parameters.js';
import { Scorer } from '../score/scorer.js';
import type { EngineSettings, EngineShare, SharedPolicy } from './settings.js';
import type { ServedCall } from './rpc.js';
import type { Trace } from './trace.js';

/** The policy in use, the next one, and one being evaluated. */
const KEPT_POLICIES = 3;
/** Of their weights, in bytes; the rest is for activations and for other processes. */
const MAX_MEMORY = totalmem() / 2;

interface LoadedPolicy {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly scorer: Scorer;
  readonly generatorSettings: GeneratorSettings;
  generator?: Promise<Generator>;
  users: number;
}

export class InferenceHost {
  readonly #policies = new Map<string, LoadedPolicy>();
  readonly #loading = new Map<string, Promise<void>>();
  #pumping = false;
  readonly #generators = new Set<Generator>();

  constructor(
    private readonly settings: EngineSettings,
    private readonly trace?: Trace,
  ) {}

  async load({ files, share = this.settings }: SharedPolicy): Promise<void> {
    const known = this.#policies.get(files.id);
    if (known) {
      // Used again: last in the order in which policies are let go.
      this.#policies.delete(files.id);
      this.#policies.set(files.id, known);
      return;
    }
    const loading = this.#loading.get(files.id) ?? this.#open(files, share);
    this.#loading.set(files.id, loading);
    await loading.finally(() => this.#loading.delete(files.id));
  }

  async generate(
    shared: SharedPolicy,
    requests: readonly RolloutRequest[],
    background: boolean,
    call: ServedCall,
  ): Promise<Rollout[]> {
    return this.#using(shared, async (policy) => {
      policy.generator ??= Generator.open(policy.config, policy.weights, policy.generatorSettings);
      const generator = await policy.generator;
      this.#generators.add(generator);
      let done = 0;
      const submitted = requests.map((request) => generator.submit(request, background));
      for (const { rollout } of submitted) void rollout.then(() => done++);
      const reported = requests.map(({ generated }) => generated?.length ?? 0);
      let finish!: () => void;
      const finished = new Promise<void>((resolve) => (finish = resolve));
      const collect = (): (() => Promise<unknown>) => {
        const last = done === requests.length;
        const progress = progressOf(submitted, done, reported);
        this.trace?.(shared.files.id, requests, progress.grown);
        if (last) this.#afterStep.delete(collect);
        return () => {
          const taken = call.progress(progress);
          if (last) finish();
          return taken;
        };
      };
      const cancel = (): void => submitted.forEach((one) => one.cancel());
      if (call.signal.aborted) cancel();
      call.signal.addEventListener('abort', cancel);
      this.#afterStep.add(collect);
      void this.#pump();
      const rollouts = await Promise.all(submitted.map(({ rollout }) => rollout));
      await finished; // the last report goes out before the result
      if (call.signal.aborted) throw new GenerationInterrupted(rollouts);
      return rollouts;
    });
  }

  async score(policy: SharedPolicy, requests: readonly ScoreRequest[], call: ServedCall): Promise<Score[]> {
    return this.#using(policy, ({ scorer }) =>
      scorer.score(requests, async (done) => {
        void call.progress({ done, total: requests.length, tokens: 0 } satisfies GenerateProgress);
        await breathe();
        call.signal.throwIfAborted();
      }),
    );
  }

  /** Per call under way: takes what a step brought, and gives what tells the caller of it. */
  readonly #afterStep = new Set<() => () => Promise<unknown>>();

  /**
   * Runs chunks of all generators in turn until none has work; messages are received between chunks. None begins before the
   * callers have saved the one before: a chunk is all that is lost with the process.
   */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#afterStep.size > 0) {
        const urgent = [...this.#generators].filter(({ urgent }) => urgent);
        for (const generator of urgent.length > 0 ? urgent : this.#generators) {
          if (!generator.idle) await generator.step();
        }
        const reports = [...this.#afterStep].map((collect) => collect());
        await Promise.all(reports.map((send) => send()));
        await breathe();
      }
    } finally {
      this.#pumping = false;
    }
  }

  async #open(files: PolicyFiles, share: EngineShare): Promise<void> {
    const sizes = [...this.#policies.values()].map(({ config }) => 4 * parameterCount(config));
    // The new one is as large as the others, of a run they all are.
    const fitting = sizes.length === 0 ? Infinity : Math.floor(MAX_MEMORY / Math.max(...sizes));
    await this.#keep(Math.max(0, Math.min(KEPT_POLICIES, fitting) - 1));
    const { config, weights } = await loadWeights(files);
    const generatorSettings = { ...this.settings, ...share };
    const scorer = new Scorer(config, weights, generatorSettings);
    this.#policies.set(files.id, { config, weights, scorer, generatorSettings, users: 0 });
  }

  /** Lets policies go that nobody uses, those first that were not used for longest, until there are so many. */
  async #keep(count: number): Promise<void> {
    for (const [id, policy] of this.#policies) {
      if (this.#policies.size <= count) break;
      if (policy.users > 0) continue;
      this.#policies.delete(id);
      await policy.scorer.close();
      const generator = await policy.generator;
      if (generator) {
        this.#generators.delete(generator);
        await generator.close();
      }
    }
  }

  /** Loads it where it is not: since the caller did, others may have loaded theirs in its place. */
  async #using<Result>(shared: SharedPolicy, use: (policy: LoadedPolicy) => Promise<Result>): Promise<Result> {
    let policy = this.#policies.get(shared.files.id);
    while (!policy) {
      await this.load(shared);
      policy = this.#policies.get(shared.files.id);
    }
    policy.users++;
    try {
      return await use(policy);
    } finally {
      policy.users--;
    }
  }
}

/** @param reported new tokens of each that were told before; brought up to date */
function progressOf(submitted: readonly Submitted[], done: number, reported: number[]): Required<GenerateProgress> {
  const grown = submitted.flatMap((one, request): Growth[] => {
    const from = reported[request];
    if (one.tokens() === from) return [];
    reported[request] = one.tokens();
    return [{ request, from, ended: one.ended(), ...one.since(from) }];
  });
  return { done, total: submitted.length, tokens: submitted.reduce((sum, one) => sum + one.tokens(), 0), grown };
}

/** Lets messages in: calls, cancellations. */
const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
