/** What a pass over a mini-batch finds per token. */
import type { MiniBatch } from './mini-batch.js';

/** Further values per token of the mini-batch that the goal's graph takes, by input name. */
export type TokenColumns = Readonly<Record<string, ArrayLike<number>>>;

export interface PassResult {
  /** Per token of the mini-batch; 0 where it is not trained. */
  readonly logProbs: Float32Array;
  /** Nats; only with a policy as goal. */
  readonly entropies: Float32Array;
  /** The column of that name, if there is one. */
  readonly refLogProbs: Float32Array;
}

/** To be filled by a pass. */
export function emptyPassResult({ starts }: MiniBatch, columns: TokenColumns): PassResult {
  const tokens = starts.at(-1)!;
  return {
    logProbs: new Float32Array(tokens),
    entropies: new Float32Array(tokens),
    refLogProbs: columns['refLogProbs'] ? Float32Array.from(columns['refLogProbs']) : new Float32Array(tokens),
  };
}
