import type { StoredScore } from '../../contracts/artifacts/stored-score.js';
import type { Arrays } from './arrays.js';
import { float32, int32 } from './arrays.js';
import { joinFloats, joinInts, split } from './ragged.js';

export function encodeScores(scores: readonly StoredScore[]): Arrays {
  const logProbs = joinFloats(scores.map((score) => score.logProbs));
  const ends = joinInts(scores.map((score) => score.stepEnds));
  return {
    offsets: logProbs.offsets,
    log_probs: logProbs.values,
    entropies: joinFloats(scores.map((score) => score.entropies)).values,
    step_offsets: ends.offsets,
    influence: joinFloats(scores.map((score) => score.influence)).values,
    step_ends: ends.values,
  };
}

export function decodeScores(arrays: Arrays): StoredScore[] {
  const offsets = int32(arrays, 'offsets');
  const stepOffsets = int32(arrays, 'step_offsets');
  const logProbs = split({ values: float32(arrays, 'log_probs'), offsets });
  const entropies = split({ values: float32(arrays, 'entropies'), offsets });
  // `split` gives an empty list where nothing was scored: there are no values.
  const influence = split({ values: float32(arrays, 'influence'), offsets: stepOffsets });
  const stepEnds = split({ values: int32(arrays, 'step_ends'), offsets: stepOffsets });
  return logProbs.map((list, i) => ({
    logProbs: list,
    entropies: entropies[i],
    influence: influence[i],
    stepEnds: stepEnds[i],
  }));
}
