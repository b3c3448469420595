/**
 * Trees cut into pieces of which micro-batches of equal size can be made. In depth-first order a tree can be cut anywhere:
 * the second part needs the path up to its first token once more, whose tokens count in the first part only. The pieces'
 * gradients add up to the tree's.
 */
import type { TrainingSequence } from '../../algorithm/training-rows.js';
import { depthFirstOrder, depthsOf } from './depth-first.js';

/** How far from where it is wanted a cut may be, to repeat less; part of a share. */
const LEEWAY = 1 / 16;
/** A cut that would repeat more than this part of a share is not made. */
const MOST_REPEATED = 1 / 4;

/** @param share tokens: the trees, one behind another, are cut about every so many */
export function treePieces(trees: readonly TrainingSequence[], share: number): TrainingSequence[] {
  let before = 0;
  return trees.flatMap((tree) => {
    const order = depthFirstOrder(tree.predecessors);
    const cuts = cutsOf(tree, order, before, share);
    before += order.length;
    return cuts.length === 0 ? [tree] : piecesOf(tree, order, cuts);
  });
}

/** Places in depth-first order at which a piece begins, ascending. @param before tokens of the trees before this one */
function cutsOf({ predecessors }: TrainingSequence, order: Int32Array, before: number, share: number): number[] {
  const leeway = Math.floor(share * LEEWAY);
  const depths = depthsOf(predecessors);
  const cuts: number[] = [];
  for (let wanted = nextMultiple(before, share) - before; wanted < order.length; wanted += share) {
    const place = Math.round(wanted);
    if (place - leeway <= 0 || place + leeway >= order.length) continue; // where the tree begins or ends, nothing is repeated
    const near = Array.from({ length: 2 * leeway + 1 }, (_, i) => place - leeway + i);
    const cost = (at: number): number => excess(at - place, depths[order[at]]);
    const cut = near.reduce((a, b) => (cost(b) < cost(a) ? b : a));
    if (depths[order[cut]] <= share * MOST_REPEATED) cuts.push(cut);
  }
  return cuts;
}

/**
 * By how much the larger of two sides exceeds half.
 * @param moved the cut, from the middle; @param repeated tokens of the second side
 */
const excess = (moved: number, repeated: number): number => repeated / 2 + Math.abs(moved - repeated / 2);

const nextMultiple = (of: number, share: number): number => (Math.floor(of / share) + 1) * share;

function piecesOf(tree: TrainingSequence, order: Int32Array, cuts: readonly number[]): TrainingSequence[] {
  const ends = [...cuts, order.length];
  return ends.map((end, i) => {
    const own = order.subarray(cuts[i - 1] ?? 0, end);
    return rowOf(tree, pathTo(tree, own[0]), own);
  });
}

/** The tokens before one on its path, from the root on. */
function pathTo({ predecessors }: TrainingSequence, place: number): number[] {
  const path: number[] = [];
  for (let t = predecessors[place]; t >= 0; t = predecessors[t]) path.push(t);
  return path.reverse();
}

/** @param path places that are needed but count elsewhere; @param own places that count */
function rowOf(tree: TrainingSequence, path: readonly number[], own: Int32Array): TrainingSequence {
  const places = [...path, ...own];
  const placeIn = new Map(places.map((place, i) => [place, i]));
  const floats = (values: Float32Array): Float32Array => Float32Array.from(places, (place) => values[place]);
  return {
    tokens: Int32Array.from(places, (place) => tree.tokens[place]),
    predecessors: Int32Array.from(places, (place) => placeIn.get(tree.predecessors[place]) ?? -1),
    weights: Float32Array.from(places, (place, i) => (i < path.length ? 0 : tree.weights[place])),
    advantages: floats(tree.advantages),
    ...(tree.oldLogProbs && { oldLogProbs: floats(tree.oldLogProbs) }),
    ...(tree.refLogProbs && { refLogProbs: floats(tree.refLogProbs) }),
  };
}
