/** Finds rows that share a prefix long enough to be worth attending to one copy of it. */
import { type PrefixGroupLimits, LIMITS } from '../../limits.js';
import type { Row } from './row.js';

/** Groups of `siblings` rows each, one group after another. */
export interface PrefixGroup<T> {
  readonly siblings: number;
  readonly jobs: readonly T[];
}

/** @returns prefix groups by number of siblings, and everybody else, in the order given. */
export function findPrefixGroups<T extends { readonly row: Row }>(
  jobs: readonly T[],
  limits: PrefixGroupLimits = LIMITS.generate.prefixGroups,
): { prefixGroups: PrefixGroup<T>[]; others: T[] } {
  const groups = new Map<string, T[]>();
  for (const job of jobs) {
    const { tokens, start } = job.row;
    const prefix = start >= limits.positions ? tokens.subarray(0, start).join() : '';
    groups.set(prefix, [...(groups.get(prefix) ?? []), job]);
  }
  groups.delete('');
  const bySize = new Map<number, T[]>();
  for (const group of groups.values()) {
    if (group.length > 1) bySize.set(group.length, [...(bySize.get(group.length) ?? []), ...group]);
  }
  const prefixGroups = [...bySize]
    .filter(([, members]) => members.length >= limits.rows)
    .map(([siblings, members]) => ({ siblings, jobs: members }));
  const taken = new Set(prefixGroups.flatMap((prefixGroup) => prefixGroup.jobs));
  return { prefixGroups, others: jobs.filter((job) => !taken.has(job)) };
}
