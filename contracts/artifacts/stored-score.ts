/** Scores of one rollout, in the order of the rollouts they belong to. A response that was not scored has the ends of its steps only. */
export interface StoredScore {
  /** Per new token. */
  readonly logProbs: Float32Array;
  readonly entropies: Float32Array;
  /** FCI of the T response steps; empty for branches. */
  readonly influence: Float32Array;
  /** End of each of the T steps, relative to the first response token; empty for branches. */
  readonly stepEnds: Int32Array;
}
