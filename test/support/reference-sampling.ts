/** Drawing a token from a truncated distribution, written for reading: what the decode graph is compared with. */

export interface Truncation {
  /** 0: all. */
  readonly topK: number;
  /** 1: all. */
  readonly topP: number;
}

/** Ids that may be drawn, ascending: the most probable, and those as probable as the last of them. */
export function keptIds(p: readonly number[], { topK, topP }: Truncation): number[] {
  const largest = [...p].sort((a, b) => b - a).slice(0, topK > 0 ? topK : p.length);
  const total = largest.reduce((sum, x) => sum + x, 0);
  let sum = 0;
  const least = topP < 1 ? largest.find((x) => (sum += x) >= topP * total)! : largest.at(-1)!;
  return p.flatMap((x, id) => (x >= least ? [id] : []));
}

/** Inverse of the cumulative distribution over the kept ids, for u in [0, 1). */
export function draw(p: readonly number[], u: number, truncation: Truncation): number {
  const ids = keptIds(p, truncation).filter((id) => p[id] > 0);
  const total = ids.reduce((sum, id) => sum + p[id], 0);
  let sum = 0;
  return ids.find((id) => (sum += p[id]) >= u * total)!;
}
