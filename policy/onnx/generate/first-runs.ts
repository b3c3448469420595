/**
 * How rows that enter take their first chunk. Their prefixes end anywhere in it, and a run decodes from one place on for
 * all its rows: what a row knows beyond that place is decoded over again. Rows are therefore divided by where their
 * prefixes end, as far as that costs less; what lies before a run's first place is prefilled, once for all siblings.
 */
import type { PrefixGroup } from './prefix-groups.js';
import type { Row } from './row.js';

/** Costs in steps of one row, for small models: a step of a run besides its rows, and the prefill of part of a block. */
const STEP = 12;
const PREFILL = 5;

/** Rows that take their first chunk together, from place `first` on, in groups of `siblings` with one prefix before it. */
export interface FirstRun<T> extends PrefixGroup<T> {
  readonly first: number;
}

/** @returns runs, in ascending order of their first place */
export function firstRuns<T extends { readonly row: Row }>(
  { siblings, jobs }: PrefixGroup<T>,
  chunk: number,
): FirstRun<T>[] {
  const groups = Array.from({ length: jobs.length / siblings }, (_, i) => jobs.slice(i * siblings, (i + 1) * siblings));
  const placeOf = (group: readonly T[]): number => Math.min(...group.map(({ row }) => row.place));
  const rowsAt = new Array<number>(chunk).fill(0);
  const prefixesAt = Array.from({ length: chunk }, () => new Set<string>());
  for (const group of groups) {
    const place = placeOf(group);
    rowsAt[place] += siblings;
    for (const { row } of group) prefixesAt[place].add(row.prefix(place).join());
  }
  const firsts = cheapestFirsts(
    rowsAt,
    prefixesAt.map(({ size }) => size),
  );
  return firsts.map((first, i) => {
    const end = firsts[i + 1] ?? chunk;
    const within = groups.filter((group) => placeOf(group) >= first && placeOf(group) < end);
    return { siblings, first, jobs: within.flat() };
  });
}

/** Places at which runs begin, such that all of them together cost least: shortest path from the chunk's end to its start. */
function cheapestFirsts(rowsAt: readonly number[], prefixesAt: readonly number[]): number[] {
  const chunk = rowsAt.length;
  /** For the rows at places from `from` on. */
  const best: { cost: number; firsts: number[] }[] = [];
  best[chunk] = { cost: 0, firsts: [] };
  for (let from = chunk - 1; from >= 0; from--) {
    best[from] = rowsAt[from] === 0 ? best[from + 1] : { cost: Infinity, firsts: [] };
    if (rowsAt[from] === 0) continue;
    let rows = 0;
    let prefixes = 0;
    for (let end = from + 1; end <= chunk; end++) {
      rows += rowsAt[end - 1];
      prefixes += prefixesAt[end - 1];
      const cost = (rows + STEP) * (chunk - from) + (from > 0 ? prefixes * PREFILL : 0) + best[end].cost;
      if (cost < best[from].cost) best[from] = { cost, firsts: [from, ...best[end].firsts] };
    }
  }
  return best[0].firsts;
}
