import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';
import type { Arrays } from './arrays.js';
import { int32, float32 } from './arrays.js';
import { joinFloats, joinInts, split } from './ragged.js';

export function encodeRollouts(rollouts: readonly StoredRollout[]): Arrays {
  const tokens = joinInts(rollouts.map((rollout) => rollout.tokens));
  return {
    problem: Int32Array.from(rollouts, (rollout) => rollout.problem),
    response: Int32Array.from(rollouts, (rollout) => rollout.response),
    branch: Int32Array.from(rollouts, (rollout) => rollout.branch),
    at: Int32Array.from(rollouts, (rollout) => rollout.at),
    finished: Int32Array.from(rollouts, (rollout) => Number(rollout.finished)),
    offsets: tokens.offsets,
    tokens: tokens.values,
    log_probs: joinFloats(rollouts.map((rollout) => rollout.logProbs)).values,
  };
}

export function decodeRollouts(arrays: Arrays): StoredRollout[] {
  const column = (name: string): Int32Array => int32(arrays, name);
  const offsets = column('offsets');
  const tokens = split({ values: column('tokens'), offsets });
  const logProbs = split({ values: float32(arrays, 'log_probs'), offsets });
  const [problem, response, branch, at, finished] = ['problem', 'response', 'branch', 'at', 'finished'].map(column);
  return tokens.map((list, i) => ({
    problem: problem[i],
    response: response[i],
    branch: branch[i],
    at: at[i],
    finished: finished[i] === 1,
    tokens: list,
    logProbs: logProbs[i],
  }));
}
