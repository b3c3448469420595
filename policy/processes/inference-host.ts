/** The inside of the inference engine's process: policies in use, their generators and scorers, one run at a time. */
import type {
  GenerateProgress,
  Growth,
  PolicyFiles,
  Rollout,
  RolloutRequest,
  Score,
  ScoreRequest,
} from '../../contracts/engine/engine.js';
import { GenerationInterrupted } from '../../contracts/errors/engine-errors.js';
import { loadWeights } from '../model/checkpoint/load.js';
import { Generator, type GeneratorSettings, type Submitted } from '../onnx/generate/generator.js';
import { LIMITS } from '../limits.js';
import type { ModelConfig } from '../model/config.js';
import { policiesKept } from '../model/large.js';
import type { Weights } from '../model/parameters.js';
import { Scorer } from '../onnx/score/scorer.js';
import type { EngineSettings, EngineShare, SharedPolicy } from './settings.js';
import type { ServedCall } from './rpc.js';
import type { Trace } from './trace.js';

interface LoadedPolicy {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly scorer: Scorer;
  readonly generatorSettings: GeneratorSettings;
  generator?: Promise<Generator> | undefined;
  users: number;
}

/** A call of `generate` under way. */
interface Generation {
  readonly generator: Generator;
  /** Takes what a step brought, and gives what tells the caller of it. */
  readonly collect: () => () => Promise<unknown>;
  readonly fail: (error: unknown) => void;
}

export class InferenceHost {
  readonly #policies = new Map<string, LoadedPolicy>();
  readonly #loading = new Map<string, Promise<void>>();
  #pumping = false;
  /** Those that may have work, with the policy whose they are. */
  readonly #generators = new Map<Generator, LoadedPolicy>();

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
      const generator = await generatorOf(policy);
      this.#generators.set(generator, policy);
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
        if (last) this.#underWay.delete(generation);
        return () => {
          const taken = call.progress(progress);
          if (last) finish();
          return taken;
        };
      };
      const cancel = (): void => submitted.forEach((one) => one.cancel());
      if (call.signal.aborted) cancel();
      call.signal.addEventListener('abort', cancel);
      let fail!: (error: unknown) => void;
      const failed = new Promise<never>((_, reject) => (fail = reject));
      const generation = { generator, collect, fail };
      this.#underWay.add(generation);
      void this.#pump();
      // The last report goes out before the result.
      const ended = finished.then(() => Promise.all(submitted.map(({ rollout }) => rollout)));
      const rollouts = await Promise.race([ended, failed]);
      if (call.signal.aborted) throw new GenerationInterrupted(rollouts);
      return rollouts;
    });
  }

  async score(policy: SharedPolicy, requests: readonly ScoreRequest[], call: ServedCall): Promise<Score[]> {
    return this.#using(policy, ({ scorer }) =>
      scorer.score(requests, async (done) => {
        void call.progress({ done, total: requests.length, tokens: 0 } satisfies GenerateProgress);
        await yieldToEvents();
        call.signal.throwIfAborted();
      }),
    );
  }

  readonly #underWay = new Set<Generation>();

  /**
   * Runs chunks of all generators in turn until none has work; messages are received between chunks. None begins before the
   * callers have saved the one before: a chunk is all that is lost with the process.
   */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#underWay.size > 0) {
        const all = [...this.#generators.keys()];
        const urgent = all.filter(({ urgent }) => urgent);
        for (const generator of urgent.length > 0 ? urgent : all) {
          if (!generator.idle) await generator.step().catch((error: unknown) => this.#giveUp(generator, error));
        }
        const reports = [...this.#underWay].map(({ collect }) => collect());
        await Promise.all(reports.map((send) => send()));
        await yieldToEvents();
      }
    } catch (error) {
      for (const { fail } of this.#underWay) fail(error);
      this.#underWay.clear();
    } finally {
      this.#pumping = false;
    }
  }

  /** One that failed within a step is in no known state: its calls end with the error, and the next one gets another. */
  async #giveUp(generator: Generator, error: unknown): Promise<void> {
    const policy = this.#generators.get(generator)!;
    policy.generator = undefined;
    this.#generators.delete(generator);
    for (const generation of this.#underWay) {
      if (generation.generator !== generator) continue;
      this.#underWay.delete(generation);
      generation.fail(error);
    }
    await generator.close();
  }

  async #open(files: PolicyFiles, share: EngineShare): Promise<void> {
    const { limits } = this.settings;
    const { processes } = limits ?? LIMITS;
    // The new one is as large as the others, of a run they all are.
    const kept = [...this.#policies.values()].map(({ config }) => policiesKept(config, this.settings, processes));
    await this.#keep(Math.min(processes.keptPolicies, ...kept) - 1);
    const { config, weights } = await loadWeights(files, limits?.model);
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

/** Opened by the first who asks for it; again where that failed. */
function generatorOf(policy: LoadedPolicy): Promise<Generator> {
  policy.generator ??= Generator.open(policy.config, policy.weights, policy.generatorSettings).catch(
    (error: unknown) => {
      policy.generator = undefined;
      throw error;
    },
  );
  return policy.generator;
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
const yieldToEvents = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
