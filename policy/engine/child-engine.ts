/** One child process that generates and scores. */
import type {
  GenerateOptions,
  InferenceEngine,
  PolicyFiles,
  Rollout,
  RolloutRequest,
  Score,
  ScoreRequest,
} from '../../contracts/engine.js';
import { withLargePages } from './large-pages.js';
import { ChildCaller } from './rpc.js';
import { reviveError } from './revive-error.js';
import type { EngineSettings, EngineShare } from './settings.js';

export class ChildInferenceEngine implements InferenceEngine {
  readonly #caller: ChildCaller;

  constructor(entry: string, settings: EngineSettings) {
    this.#caller = new ChildCaller(entry, JSON.stringify(settings), reviveError, withLargePages(process.env));
  }

  /** Process id of the child while it runs, for measurements and kills. */
  get pid(): number | undefined {
    return this.#caller.pid;
  }

  /** @param share of the settings for work with this policy; left out: all of them */
  load(files: PolicyFiles, share?: EngineShare): Promise<void> {
    return this.#caller.call('load', { files, share });
  }

  generate(policyId: string, requests: readonly RolloutRequest[], options?: GenerateOptions): Promise<Rollout[]> {
    const background = options?.background ?? false;
    return this.#caller.call('generate', { policyId, requests, background }, options);
  }

  score(policyId: string, requests: readonly ScoreRequest[], options?: GenerateOptions): Promise<Score[]> {
    return this.#caller.call('score', { policyId, requests }, options);
  }

  /** Milliseconds for which the child has not answered, undefined while none runs. */
  silence(): number | undefined {
    return this.#caller.silence();
  }

  close(): Promise<void> {
    return this.#caller.close();
  }
}
