/**
 * Top-k and top-p in the decode graph: what is left of a row's distribution before a token is drawn from it.
 *
 * As transformers and vLLM have it: of the probabilities at the row's temperature, the `topK` largest are kept; then, of
 * these as a distribution of their own, the largest that together reach `topP`. Unlike theirs, tokens as probable as the
 * last that is kept are kept as well, so that nothing depends on how a sort orders equals. A row that truncates nothing
 * gets the bits that the graph without truncation gives it.
 */
import type { Graph, Value } from '../onnx/graph.js';
import {
  cast,
  cumSum,
  gatherElements,
  greater,
  less,
  max,
  min,
  mul,
  or,
  reduceSum,
  slice,
  sub,
  topK as largest,
  where,
} from '../onnx/operators.js';

/** Of the rows of a run. */
export interface Truncation {
  /** int64 [R, 1]; 0: all. */
  readonly topK: Value;
  /** [R, 1]; 1: all. */
  readonly topP: Value;
  /** int64 [1]: how many probabilities of a row are sorted. At least any row's `topK`; all if a row has `topP` alone. */
  readonly candidates: Value;
}

export function truncationInputs(g: Graph): Truncation {
  return {
    topK: g.input('topK', 'int64', ['rows', 1]),
    topP: g.input('topP', 'float32', ['rows', 1]),
    candidates: g.input('candidates', 'int64', [1]),
  };
}

/** The least positive normal number: removed tokens at the front of a cumulative sum are below it, kept ones are not. */
const TINY = 2 ** -126;

/**
 * @param p [R, V]
 * @param u uniform numbers, [R, 1]
 * @returns the cumulative sum of what is left of p, [R, V], and the number to compare it with in place of u, [R, 1]
 */
export function truncated(g: Graph, p: Value, u: Value, truncation: Truncation): { cumulative: Value; bound: Value } {
  const { topK, topP, candidates } = truncation;
  const [none, first, last] = [g.float(0), g.int64(0), g.int64(1)];
  const hasTopK = greater(g, topK, first);
  const hasTopP = less(g, topP, g.float(1));

  const sorted = largest(g, p, candidates, 'candidates'); // [R, C]
  const kth = gatherElements(g, sorted, sub(g, max(g, topK, last), last));
  const fromTopK = where(g, hasTopK, kth, none); // [R, 1]
  const mass = cumSum(g, where(g, less(g, sorted, fromTopK), none, sorted), 1);
  const wanted = mul(g, topP, lastColumn(g, mass));
  const before = reduceSum(g, cast(g, less(g, mass, wanted), 'int64'), [1], true);
  const pth = gatherElements(g, sorted, min(g, before, sub(g, candidates, last)));
  const threshold = max(g, fromTopK, where(g, hasTopP, pth, none));

  const cumulative = cumSum(g, where(g, less(g, p, threshold), none, p), 1);
  const share = max(g, mul(g, u, lastColumn(g, cumulative)), g.float(TINY));
  return { cumulative, bound: where(g, or(g, hasTopK, hasTopP), share, u) };
}

function lastColumn(g: Graph, x: Value): Value {
  return slice(g, x, g.int64s([-1]), g.int64s([Number.MAX_SAFE_INTEGER]), 1, 1);
}
