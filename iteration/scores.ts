/** Means of what scoring found. */
import { meanInfluence } from '../algorithm/adaptive-sampling.js';
import type { StoredScore } from '../contracts/artifacts/stored-score.js';

/** Means over responses; null where they were not scored. */
export function scoreMeans(scores: readonly StoredScore[]): {
  readonly meanFci: number | null;
  readonly meanEntropy: number | null;
} {
  const unscored = scores.length > 0 && scores.every(({ logProbs }) => logProbs.length === 0);
  if (unscored) return { meanFci: null, meanEntropy: null };
  return { meanFci: meanInfluence(scores.map(({ influence }) => influence)), meanEntropy: meanEntropy(scores) };
}

/** Nats, over all tokens; 0 without tokens. */
export function meanEntropy(scores: readonly StoredScore[]): number {
  let sum = 0;
  let tokens = 0;
  for (const { entropies } of scores) {
    for (const entropy of entropies) sum += entropy;
    tokens += entropies.length;
  }
  return tokens === 0 ? 0 : sum / tokens;
}
