/**
 * The inference engine as several processes. A small model's graphs are made of operators too short to be shared by
 * threads, so its requests are dealt out to single-threaded processes, one per core; bits do not depend on who serves them.
 * A model too large to be held several times is left to the first process and all threads.
 */
import { stat } from 'node:fs/promises';
import type {
  GenerateOptions,
  GenerateProgress,
  InferenceEngine,
  PolicyFiles,
  Rollout,
  RolloutRequest,
  Score,
  ScoreRequest,
} from '../../contracts/engine/engine.js';
import { GenerationInterrupted } from '../../contracts/errors/engine-errors.js';
import { type Limits, LIMITS } from '../limits.js';
import { ChildInferenceEngine } from './child-engine.js';
import { partition } from './partition.js';
import { SharedSignsOfLife } from './signs-of-life.js';
import type { EngineSettings } from './settings.js';

type Counts = Omit<GenerateProgress, 'grown'>;

interface Shard {
  readonly engine: ChildInferenceEngine;
  /** Requests under way. */
  load: number;
}

export class ShardedInferenceEngine implements InferenceEngine {
  readonly #first: ChildInferenceEngine;
  readonly #shards: readonly Shard[];
  /** Ids of the policies that every process holds. */
  readonly #everywhere = new Set<string>();

  constructor(
    entry: string,
    private readonly settings: EngineSettings,
  ) {
    this.#first = new ChildInferenceEngine(entry, settings);
    const others = Array.from({ length: settings.threads - 1 }, () => new ChildInferenceEngine(entry, settings));
    this.#shards = [this.#first, ...others].map((engine) => ({ engine, load: 0 }));
  }

  /** Process id of the first process while it runs, for measurements and kills. */
  get pid(): number | undefined {
    return this.#first.pid;
  }

  async load(policy: PolicyFiles): Promise<void> {
    const sizes = await Promise.all(policy.weights.map(async (path) => (await stat(path)).size));
    const { provider = 'cpu' } = this.settings; // a graphics processor is not shared
    const isLarge = sizes.reduce((a, b) => a + b, 0) > this.#limits.bytesEverywhere;
    if (provider !== 'cpu' || isLarge) return this.#first.load(policy);
    const slots = Math.ceil(this.settings.slots / this.#shards.length);
    await Promise.all(this.#shards.map(({ engine }) => engine.load(policy, { slots, threads: 1 })));
    this.#everywhere.add(policy.id);
  }

  async generate(
    policyId: string,
    requests: readonly RolloutRequest[],
    { background = false, ...options }: GenerateOptions = {},
  ): Promise<Rollout[]> {
    const work = ({ maxNewTokens, generated }: RolloutRequest): number => maxNewTokens - (generated?.length ?? 0);
    const interrupted: GenerationInterrupted[] = [];
    const parts = await this.#deal(policyId, requests, work, options, async (engine, part, options) => {
      try {
        return await engine.generate(policyId, part, { ...options, background });
      } catch (error) {
        if (!(error instanceof GenerationInterrupted)) throw error;
        interrupted.push(error);
        return error.rollouts;
      }
    });
    if (interrupted.length > 0) throw new GenerationInterrupted(parts.flat());
    return parts.flat();
  }

  async score(policyId: string, requests: readonly ScoreRequest[], options: GenerateOptions = {}): Promise<Score[]> {
    const work = ({ tokens }: ScoreRequest): number => tokens.length;
    const parts = await this.#deal(policyId, requests, work, options, (engine, part, options) =>
      engine.score(policyId, part, options),
    );
    return parts.flat();
  }

  /** Gives parts of the requests to the idlest processes. @throws the first failure; it ends the other parts too */
  async #deal<Request, Result>(
    policyId: string,
    requests: readonly Request[],
    work: (request: Request) => number,
    { onProgress, onAlive, signal }: Omit<GenerateOptions, 'background'>,
    serve: (
      engine: ChildInferenceEngine,
      part: readonly Request[],
      options: GenerateOptions,
    ) => Promise<readonly Result[]>,
  ): Promise<(readonly Result[])[]> {
    const shards = this.#everywhere.has(policyId) ? this.#shards : this.#shards.slice(0, 1);
    const parts = partition(requests, shards.length, work, this.#limits.requestsEach);
    const idlest = [...shards].sort((a, b) => a.load - b.load);
    const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part.length, 0));
    const progress: Counts[] = parts.map((part) => ({ done: 0, total: part.length, tokens: 0 }));
    const pulses = new SharedSignsOfLife(parts.length, onAlive);
    const failure = new AbortController();
    const failures: unknown[] = [];
    const ended = await Promise.all(
      parts.map(async (part, i) => {
        const shard = idlest[i];
        shard.load += part.length;
        try {
          return await serve(shard.engine, part, {
            signal: signal ? AbortSignal.any([signal, failure.signal]) : failure.signal,
            onAlive: () => pulses.felt(i),
            onProgress: ({ grown = [], ...now }) => {
              progress[i] = now;
              const ofAll = grown.map((growth) => ({ ...growth, request: starts[i] + growth.request }));
              return onProgress?.({ ...sum(progress), grown: ofAll });
            },
          });
        } catch (error) {
          failures.push(error);
          failure.abort();
          return [];
        } finally {
          pulses.end(i);
          shard.load -= part.length;
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    return ended;
  }

  get #limits(): Limits['processes'] {
    return (this.settings.limits ?? LIMITS).processes;
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#shards.some(({ engine }) => engine.busy);
  }

  /** Milliseconds for which a process has not answered, the longest; undefined while none runs. */
  silence(): number | undefined {
    const all = this.#shards.map(({ engine }) => engine.silence()).filter((silence) => silence !== undefined);
    return all.length === 0 ? undefined : Math.max(...all);
  }

  async close(): Promise<void> {
    await Promise.all(this.#shards.map(({ engine }) => engine.close()));
  }
}

function sum(progress: readonly Counts[]): Counts {
  const total = (field: keyof Counts): number => progress.reduce((all, part) => all + part[field], 0);
  return { done: total('done'), total: total('total'), tokens: total('tokens') };
}
