/**
 * How the rollouts of a phase are divided among workers. The number of shards follows from the plan and the size of the batch
 * alone, never from who is there to work; and no shard's result depends on how many others there are.
 */

export interface Shard {
  readonly index: number;
  readonly count: number;
}

/** More would make histories long: a shard is three activities. */
const MOST_SHARDS = 64;

/**
 * @param responses of the batch
 * @param units of the phase that are not divided, since their rollouts share a prefix: problems, branch points
 * @param rolloutsPerShard about so many responses each, more where that made more than 64 shards
 */
export function shardsOf(responses: number, units: number, rolloutsPerShard: number): Shard[] {
  const count = Math.max(1, Math.min(MOST_SHARDS, units, Math.ceil(responses / rolloutsPerShard)));
  return Array.from({ length: count }, (_, index) => ({ index, count }));
}

/** The shard's part of a list: neighbours stay together, sizes differ by one at most. */
export function sliceOf<T>(all: readonly T[], { index, count }: Shard): readonly T[] {
  const edge = (shard: number): number => Math.floor((shard * all.length) / count);
  return all.slice(edge(index), edge(index + 1));
}
