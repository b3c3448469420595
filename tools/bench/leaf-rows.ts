/** Undoes the packing of a tree, to measure what it is good for. */
import type { TrainingSequence } from '../../contracts/engine/engine.js';

/** A packed tree as one row per leaf path, each token counted once. */
export function leafRows(tree: TrainingSequence): TrainingSequence[] {
  // As many paths end at a token as count it and none of its successors.
  const ending = Float32Array.from(tree.weights);
  tree.predecessors.forEach((before, t) => {
    if (before >= 0 && tree.weights[before] > 0) ending[before] -= tree.weights[t];
  });
  return [...ending].flatMap((count, last) => Array.from({ length: count }, () => pathTo(tree, last)));
}

function pathTo(tree: TrainingSequence, last: number): TrainingSequence {
  const path: number[] = [];
  for (let t = last; t >= 0; t = tree.predecessors[t]) path.push(t);
  path.reverse();
  const old = tree.oldLogProbs;
  return {
    tokens: Int32Array.from(path, (t) => tree.tokens[t]),
    predecessors: Int32Array.from(path, (_, i) => i - 1),
    weights: Float32Array.from(path, (t) => Math.min(1, tree.weights[t])),
    advantages: Float32Array.from(path, (t) => tree.advantages[t]),
    ...(old && { oldLogProbs: Float32Array.from(path, (t) => old[t]) }),
  };
}
