/** The null engine, as a real one is seen from outside: answers come chunk by chunk, and what was given is not generated again. */
import type {
  GenerateOptions,
  Growth,
  InferenceEngine,
  Rollout,
  RolloutRequest,
} from '../../contracts/engine/engine.js';
import { GenerationInterrupted } from '../../contracts/errors/engine-errors.js';

export const CHUNK = 8;

export class ChunkedEngine implements InferenceEngine {
  /** Tokens generated so far, over all calls. */
  generated = 0;

  /** @param beforeChunk may throw, or never come back, as an engine may */
  constructor(
    private readonly engine: InferenceEngine,
    private readonly beforeChunk: (chunk: number) => Promise<void> = () => Promise.resolve(),
  ) {}

  load: InferenceEngine['load'] = (policy) => this.engine.load(policy);
  score: InferenceEngine['score'] = (id, requests) => this.engine.score(id, requests);
  close: InferenceEngine['close'] = () => this.engine.close();

  async generate(
    policyId: string,
    requests: readonly RolloutRequest[],
    { onProgress, signal }: GenerateOptions = {},
  ): Promise<Rollout[]> {
    const whole = await this.engine.generate(policyId, requests);
    const lengths = requests.map(({ generated }) => generated?.length ?? 0);
    const given = [...lengths];
    for (let chunk = 0; lengths.some((length, i) => length < whole[i].tokens.length); chunk++) {
      await this.beforeChunk(chunk);
      if (signal?.aborted) throw new GenerationInterrupted(whole.map((rollout, i) => part(rollout, 0, lengths[i])));
      const grown = whole.flatMap((rollout, request): Growth[] => {
        const from = lengths[request];
        const to = Math.min(from + CHUNK, rollout.tokens.length);
        if (to === from) return [];
        lengths[request] = to;
        this.generated += to - from;
        return [{ request, from, ended: to === rollout.tokens.length, ...part(rollout, from, to) }];
      });
      const done = lengths.filter((length, i) => length === whole[i].tokens.length).length;
      const tokens = lengths.reduce((sum, length) => sum + length, 0);
      await onProgress?.({ done, total: requests.length, tokens, grown });
    }
    // As the real one: log-probs are known of what was generated in this call.
    return whole.map(({ tokens, logProbs, finished }, i) => ({
      tokens,
      logProbs: logProbs.slice().fill(0, 0, given[i]),
      finished,
    }));
  }
}

function part({ tokens, logProbs, finished }: Rollout, from: number, to: number): Rollout {
  return {
    tokens: tokens.slice(from, to),
    logProbs: logProbs.slice(from, to),
    finished: finished && to === tokens.length,
  };
}
