import type { Arrays } from './arrays.js';
import { int32, float32 } from './arrays.js';
import { joinFloats, joinInts, split } from './ragged.js';

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
