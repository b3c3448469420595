/** Engine and learner that count what they do. */
import type { Services } from '../services/services.js';
import type {
  GenerateOptions,
  InferenceEngine,
  StandingLearner,
  Rollout,
  RolloutRequest,
} from '../contracts/engine/engine.js';
import type { WorkerMetrics } from './metrics.js';

export function measuredServices(services: Services, metrics: WorkerMetrics): Services {
  const engines = new Map<InferenceEngine, MeasuredEngine>();
  return {
    ...services,
    engine: async (settings) => {
      const engine = await services.engine(settings);
      const measured = engines.get(engine) ?? new MeasuredEngine(engine, settings.slots, metrics);
      engines.set(engine, measured);
      return measured;
    },
    learner: async (...asked) => measuredLearner(await services.learner(...asked), metrics),
  };
}

interface Call {
  readonly policyId: string;
  /** Rollouts that are not done. */
  left: number;
}

class MeasuredEngine implements InferenceEngine {
  readonly #calls = new Set<Call>();

  constructor(
    private readonly engine: InferenceEngine,
    private readonly slots: number,
    private readonly metrics: WorkerMetrics,
  ) {
    this.#report();
  }

  async generate(
    policyId: string,
    requests: readonly RolloutRequest[],
    options: GenerateOptions = {},
  ): Promise<Rollout[]> {
    const call: Call = { policyId, left: requests.length };
    let counted = requests.reduce((sum, { generated }) => sum + (generated?.length ?? 0), 0);
    const count = (tokens: number): void => {
      if (tokens > counted) this.metrics.generatedTokens.add(tokens - counted);
      counted = Math.max(counted, tokens);
    };
    this.#calls.add(call);
    this.#report();
    try {
      const rollouts = await this.engine.generate(policyId, requests, {
        ...options,
        onProgress: (progress) => {
          count(progress.tokens);
          call.left = progress.total - progress.done;
          this.#report();
          return options.onProgress?.(progress);
        },
      });
      count(rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0));
      return rollouts;
    } finally {
      this.#calls.delete(call);
      this.#report();
    }
  }

  /** Each policy has slots of its own, which are full while any of its rollouts waits. */
  #report(): void {
    const inFlight = new Map<string, number>();
    for (const { policyId, left } of this.#calls) inFlight.set(policyId, (inFlight.get(policyId) ?? 0) + left);
    const counts = [...inFlight.values()];
    const inUse = counts.reduce((sum, left) => sum + Math.min(left, this.slots), 0);
    this.metrics.slots.set(this.slots);
    this.metrics.slotsInUse.set(inUse);
    this.metrics.rolloutsWaiting.set(counts.reduce((sum, left) => sum + left, 0) - inUse);
  }

  load: InferenceEngine['load'] = (policy) => this.engine.load(policy);
  score: InferenceEngine['score'] = (...call) => this.engine.score(...call);
  close: InferenceEngine['close'] = () => this.engine.close();
}

function measuredLearner(learner: StandingLearner, metrics: WorkerMetrics): StandingLearner {
  return {
    load: (state) => learner.load(state),
    update: async (...step) => {
      const start = performance.now();
      const result = await learner.update(...step);
      metrics.updateStep.record((performance.now() - start) / 1000);
      metrics.trainedTokens.add(Math.round(result.tokens));
      return result;
    },
    supervise: (...step) => learner.supervise(...step),
    save: (...paths) => learner.save(...paths),
    rest: () => learner.rest(),
    close: () => learner.close(),
  };
}
