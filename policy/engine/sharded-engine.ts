/**
 * The inference engine as several processes. A small model's decode graph is made of operators too short to be shared by
 * threads, so its rollouts are dealt out to single-threaded processes, one per core; bits do not depend on who makes them.
 * Scoring, and generation with a model too large to be held several times, are left to the first process and all threads.
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
} from '../../contracts/engine.js';
import { GenerationInterrupted } from '../../contracts/engine-errors.js';
import { ChildInferenceEngine } from './child-engine.js';
import { dealOut } from './deal-out.js';
import type { EngineSettings } from './settings.js';

/** Weights up to this size are held by every process. */
const MAX_BYTES_EVERYWHERE = 128 * 2 ** 20;

type Counts = Omit<GenerateProgress, 'grown'>;

interface Shard {
  readonly engine: ChildInferenceEngine;
  /** Rollouts under way. */
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
    if (provider !== 'cpu' || sizes.reduce((a, b) => a + b, 0) > MAX_BYTES_EVERYWHERE) return this.#first.load(policy);
    const slots = Math.ceil(this.settings.slots / this.#shards.length);
    await Promise.all(this.#shards.map(({ engine }) => engine.load(policy, { slots, threads: 1 })));
    this.#everywhere.add(policy.id);
  }

  async generate(
    policyId: string,
    requests: readonly RolloutRequest[],
    { onProgress, signal, background = false }: GenerateOptions = {},
  ): Promise<Rollout[]> {
    const shards = this.#everywhere.has(policyId) ? this.#shards : this.#shards.slice(0, 1);
    const parts = dealOut(requests, shards.length);
    const idlest = [...shards].sort((a, b) => a.load - b.load);
    const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + part.length, 0));
    const progress: Counts[] = parts.map((part) => ({ done: 0, total: part.length, tokens: 0 }));
    // A part that fails ends the others too: nobody waits for them any more.
    const failure = new AbortController();
    const ended = await Promise.allSettled(
      parts.map(async (part, i) => {
        const shard = idlest[i];
        shard.load += part.length;
        try {
          return await shard.engine.generate(policyId, part, {
            background,
            signal: signal ? AbortSignal.any([signal, failure.signal]) : failure.signal,
            onProgress: ({ grown = [], ...now }) => {
              progress[i] = now;
              const ofAll = grown.map((growth) => ({ ...growth, request: starts[i] + growth.request }));
              return onProgress?.({ ...sum(progress), grown: ofAll });
            },
          });
        } catch (error) {
          if (!(error instanceof GenerationInterrupted)) failure.abort();
          throw error;
        } finally {
          shard.load -= part.length;
        }
      }),
    );
    return merge(ended);
  }

  score(policyId: string, requests: readonly ScoreRequest[], options?: GenerateOptions): Promise<Score[]> {
    return this.#first.score(policyId, requests, options);
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

/** @throws what a part failed of, or GenerationInterrupted with the rollouts of all parts. */
function merge(ended: readonly PromiseSettledResult<Rollout[]>[]): Rollout[] {
  const interrupted = ended.filter((part) => part.status === 'rejected');
  for (const { reason } of interrupted) if (!(reason instanceof GenerationInterrupted)) throw reason;
  const rollouts = ended.flatMap((part) =>
    part.status === 'fulfilled' ? part.value : (part.reason as GenerationInterrupted).rollouts,
  );
  if (interrupted.length > 0) throw new GenerationInterrupted(rollouts);
  return rollouts;
}
