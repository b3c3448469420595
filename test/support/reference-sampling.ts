/** Drawing a token from a truncated distribution, written for reading: what the decode graph is compared with. */

export interface Truncation {
  /** 0: all. */
  readonly topK: number;
  /** 1: all. */
  readonly topP: number;
}

/** Ids that may be drawn, ascending. */
export function keptIds(p: readonly number[], { topK, topP }: Truncation): number[] {
  const descending = [...p].sort((a, b) => b - a);
  let least = topK > 0 ? descending[Math.min(topK, p.length) - 1] : 0;
  if (topP < 1) {
    const left = descending.filter((x) => x >= least);
    const total = left.reduce((sum, x) => sum + x, 0);
    let sum = 0;
    least = left.find((x) => (sum += x) >= topP * total)!;
  }
  return p.flatMap((x, id) => (x >= least ? [id] : []));
}

/** Inverse of the cumulative distribution over the kept ids, for u in [0, 1). */
export function draw(p: readonly number[], u: number, truncation: Truncation): number {
  const ids = keptIds(p, truncation).filter((id) => p[id] > 0);
  const total = ids.reduce((sum, id) => sum + p[id], 0);
  let sum = 0;
  return ids.find((id) => (sum += p[id]) >= u * total)!;
}
