/** The trees of a micro-batch: depths and depth-first numbers say which token lies on whose path. */

/** The tokens by their depth-first number, one tree behind another. */
export function depthFirstOrder(predecessors: Int32Array): Int32Array {
  const { enter } = numberDepthFirst(predecessors);
  const order = new Int32Array(enter.length);
  enter.forEach((number, t) => (order[number] = t));
  return order;
}

/** Number of tokens before each on its path. */
export function depthsOf(predecessors: Int32Array): Int32Array {
  const depths = new Int32Array(predecessors.length);
  predecessors.forEach((before, t) => (depths[t] = before < 0 ? 0 : depths[before] + 1));
  return depths;
}

/**
 * First and last depth-first number of each token's subtree, all trees in one numbering:
 * j is i or before it on its path iff enter[j] <= enter[i] <= exit[j].
 */
export function numberDepthFirst(predecessors: Int32Array): { enter: Int32Array; exit: Int32Array } {
  const { length } = predecessors;
  const subtree = new Int32Array(length).fill(1);
  for (let t = length - 1; t >= 0; t--) {
    const before = predecessors[t];
    if (before >= 0) subtree[before] += subtree[t];
  }
  /** Next free number below each token; the last entry is for the roots. */
  const next = new Int32Array(length + 1);
  const enter = new Int32Array(length);
  const exit = new Int32Array(length);
  for (let t = 0; t < length; t++) {
    const parent = predecessors[t] >= 0 ? predecessors[t] : length;
    enter[t] = next[parent];
    exit[t] = enter[t] + subtree[t] - 1;
    next[parent] = exit[t] + 1;
    next[t] = enter[t] + 1;
  }
  return { enter, exit };
}
