/** New tokens of one rollout and what they belong to. */
export interface StoredRollout {
  /** Place of the problem in its draw. */
  readonly problem: number;
  readonly response: number;
  /** 0: the initial response; 1 + index of the branch within the response otherwise. */
  readonly branch: number;
  /** Tokens of the initial response that come before it; 0 for the initial response. */
  readonly at: number;
  readonly finished: boolean;
  readonly tokens: Int32Array;
  /** As the sampler saw them; the update uses the scoring pass instead. */
  readonly logProbs: Float32Array;
}
