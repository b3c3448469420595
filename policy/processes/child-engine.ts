/** One child process that generates and scores. */
import type {
  GenerateOptions,
  InferenceEngine,
  PolicyFiles,
  Rollout,
  RolloutRequest,
  Score,
  ScoreRequest,
} from '../../contracts/engine/engine.js';
import { PolicyNotLoaded } from '../../contracts/errors/engine-errors.js';
import { LIMITS } from '../limits.js';
import { withLargePages } from './large-pages.js';
import { ChildCaller } from './rpc.js';
import { reviveError } from './revive-error.js';
import type { EngineSettings, EngineShare, SharedPolicy } from './settings.js';

export class ChildInferenceEngine implements InferenceEngine {
  readonly #caller: ChildCaller;
  /** By id, what was loaded last at the end: the process opens it again where it has let it go, or was started anew. */
  readonly #policies = new Map<string, SharedPolicy>();

  constructor(
    entry: string,
    private readonly settings: EngineSettings,
  ) {
    this.#caller = new ChildCaller(entry, JSON.stringify(settings), reviveError, withLargePages(process.env));
  }

  /** Process id of the child while it runs, for measurements and kills. */
  get pid(): number | undefined {
    return this.#caller.pid;
  }

  /** @param share of the settings for work with this policy; left out: all of them */
  load(files: PolicyFiles, share?: EngineShare): Promise<void> {
    this.#policies.delete(files.id);
    this.#policies.set(files.id, { files, share });
    const { rememberedPolicies } = (this.settings.limits ?? LIMITS).processes;
    if (this.#policies.size > rememberedPolicies) this.#policies.delete(this.#policies.keys().next().value!);
    return this.#caller.call('load', { files, share } satisfies SharedPolicy);
  }

  async generate(policyId: string, requests: readonly RolloutRequest[], options?: GenerateOptions): Promise<Rollout[]> {
    const background = options?.background ?? false;
    return this.#caller.call('generate', { policy: this.#policy(policyId), requests, background }, options);
  }

  async score(policyId: string, requests: readonly ScoreRequest[], options?: GenerateOptions): Promise<Score[]> {
    return this.#caller.call('score', { policy: this.#policy(policyId), requests }, options);
  }

  /** Whether a call is under way. */
  get busy(): boolean {
    return this.#caller.busy;
  }

  /** Milliseconds for which the child has not answered, undefined while none runs. */
  silence(): number | undefined {
    return this.#caller.silence();
  }

  close(): Promise<void> {
    return this.#caller.close();
  }

  #policy(id: string): SharedPolicy {
    const policy = this.#policies.get(id);
    if (!policy) throw new PolicyNotLoaded(id);
    return policy;
  }
}
