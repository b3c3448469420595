import type { Growth, Rollout } from '../../contracts/engine/engine.js';
import { decodeSafetensors, encodeSafetensors } from '../safetensors/safetensors.js';
import { float32, int32 } from './arrays.js';
import { joinFloats, joinInts, split } from './ragged.js';

/** A rollout as far as it came. */
export interface PartialRollout extends Rollout {
  /** No token follows. */
  readonly ended: boolean;
}

/** A record of the journal of a generation: what its rollouts got in one chunk. */
export function encodeRolloutProgress(grown: readonly Growth[]): Uint8Array {
  const tokens = joinInts(grown.map((growth) => growth.tokens));
  return encodeSafetensors({
    request: Int32Array.from(grown, ({ request }) => request),
    from: Int32Array.from(grown, ({ from }) => from),
    finished: Int32Array.from(grown, ({ finished }) => Number(finished)),
    ended: Int32Array.from(grown, ({ ended }) => Number(ended)),
    offsets: tokens.offsets,
    tokens: tokens.values,
    log_probs: joinFloats(grown.map(({ logProbs }) => logProbs)).values,
  });
}

function decodeGrowth(record: Buffer): Growth[] {
  const arrays = decodeSafetensors(record, 'journal of a generation');
  const column = (name: string): Int32Array => int32(arrays, name);
  const [request, from, finished, ended, offsets] = ['request', 'from', 'finished', 'ended', 'offsets'].map(column);
  const tokens = split({ values: column('tokens'), offsets });
  const logProbs = split({ values: float32(arrays, 'log_probs'), offsets });
  return tokens.map((list, i) => ({
    request: request[i],
    from: from[i],
    finished: finished[i] === 1,
    ended: ended[i] === 1,
    tokens: list,
    logProbs: logProbs[i],
  }));
}

/**
 * What the records of all attempts say about each of `count` rollouts. Attempts may overlap, since each token is the same in each
 * of them; where a record was lost, what follows it is not used.
 */
export function joinRolloutProgress(records: readonly Buffer[], count: number): PartialRollout[] {
  const parts = Array.from({ length: count }, (): Growth[] => []);
  const lengths = new Array<number>(count).fill(0);
  for (const growth of records.flatMap(decodeGrowth)) {
    const { request, from, tokens } = growth;
    const known = lengths[request];
    if (from > known || from + tokens.length <= known) continue;
    const fresh = known - from;
    parts[request].push({ ...growth, tokens: tokens.subarray(fresh), logProbs: growth.logProbs.subarray(fresh) });
    lengths[request] = from + tokens.length;
  }
  return parts.map((list) => ({
    tokens: joinInts(list.map(({ tokens }) => tokens)).values,
    logProbs: joinFloats(list.map(({ logProbs }) => logProbs)).values,
    finished: list.at(-1)?.finished ?? false,
    ended: list.at(-1)?.ended ?? false,
  }));
}
