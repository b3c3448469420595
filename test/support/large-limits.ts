/** Limits by which everything is large: a small model goes all the ways that large ones do. */
import { type Limits, LIMITS } from '../../policy/limits.js';

export const EVERYTHING_IS_LARGE: Limits = {
  model: { ...LIMITS.model, packedParameters: 0, wholeVocabulary: 0 },
  processes: { ...LIMITS.processes, bytesEverywhere: 0, requestsEach: 1, keptPolicies: 1, keptPolicyBytes: 1 },
  sessions: { constantsBeside: 256, halvedMatrix: 1 },
  generate: {
    slots: { firstRows: 2, keptBytes: 0 },
    prefixGroups: { positions: 1, rows: 2, positionsOfRun: 1 },
    prefixCacheBytes: 0,
    prefillRows: 2,
  },
  score: { batchTokens: 1, pieces: { tokens: 50, queries: 1 } },
  learn: {
    segments: { tokens: 300, logits: 1, headTokens: 300, scores: 2 ** 13, gradientRows: 50 },
    updateBytes: 0,
    momentsPiece: 1000,
    fileCallBytes: 1000,
  },
  tensorFlow: { logits: 1000, keptBytes: 0 },
};
