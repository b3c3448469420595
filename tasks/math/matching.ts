/** Whether n things can be paired with n others, each with one that it goes with (Kuhn's augmenting paths). */
export function canBePaired(n: number, goes: (left: number, right: number) => boolean): boolean {
  const partnerOf = new Array<number | undefined>(n);
  const known = new Map<number, boolean>();
  const goesWith = (left: number, right: number): boolean => {
    const key = left * n + right;
    const found = known.get(key) ?? goes(left, right);
    known.set(key, found);
    return found;
  };
  const pair = (left: number, tried: Set<number>): boolean => {
    for (let right = 0; right < n; right += 1) {
      if (tried.has(right) || !goesWith(left, right)) continue;
      tried.add(right);
      const partner = partnerOf[right];
      if (partner !== undefined && !pair(partner, tried)) continue;
      partnerOf[right] = left;
      return true;
    }
    return false;
  };
  for (let left = 0; left < n; left += 1) if (!pair(left, new Set())) return false;
  return true;
}
