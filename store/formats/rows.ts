import type { StoredRow } from '../../contracts/artifacts/stored-row.js';
import type { Arrays } from './arrays.js';
import { float32, int32 } from './arrays.js';
import { joinFloats, joinInts, split } from './ragged.js';

export function encodeRows(rows: readonly StoredRow[]): Arrays {
  const tokens = joinInts(rows.map(({ sequence }) => sequence.tokens));
  const old = rows.flatMap(({ sequence }) => sequence.oldLogProbs ?? []);
  return {
    problem: Int32Array.from(rows, ({ problem }) => problem),
    paths: Int32Array.from(rows, ({ paths }) => paths),
    offsets: tokens.offsets,
    tokens: tokens.values,
    predecessors: joinInts(rows.map(({ sequence }) => sequence.predecessors)).values,
    weights: joinFloats(rows.map(({ sequence }) => sequence.weights)).values,
    advantages: joinFloats(rows.map(({ sequence }) => sequence.advantages)).values,
    ...(rows.length > 0 && old.length === 0 ? {} : { old_log_probs: joinFloats(old).values }),
  };
}

export function decodeRows(arrays: Arrays): StoredRow[] {
  const offsets = int32(arrays, 'offsets');
  const problem = int32(arrays, 'problem');
  const paths = int32(arrays, 'paths');
  const tokens = split({ values: int32(arrays, 'tokens'), offsets });
  const predecessors = split({ values: int32(arrays, 'predecessors'), offsets });
  const weights = split({ values: float32(arrays, 'weights'), offsets });
  const advantages = split({ values: float32(arrays, 'advantages'), offsets });
  const oldLogProbs = arrays['old_log_probs'] && split({ values: float32(arrays, 'old_log_probs'), offsets });
  return tokens.map((list, i) => ({
    problem: problem[i],
    paths: paths[i],
    sequence: {
      tokens: list,
      predecessors: predecessors[i],
      weights: weights[i],
      advantages: advantages[i],
      ...(oldLogProbs && { oldLogProbs: oldLogProbs[i] }),
    },
  }));
}
