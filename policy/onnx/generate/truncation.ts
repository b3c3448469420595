/**
 * Top-k and top-p in the decode graph: what is left of a row's distribution before a token is drawn from it.
 *
 * As transformers and vLLM have it: of the probabilities at the row's temperature, the `topK` largest are kept; then, of
 * these as a distribution of their own, the largest that together reach `topP`. Tokens as probable as the last of them are
 * kept as well, so that nothing depends on how a sort orders equals. A row that truncates nothing gets the bits that the
 * graph without truncation gives it.
 */
import type { Graph, Value } from '../graph.js';
import {
  and,
  cast,
  cumSum,
  dimension,
  gatherElements,
  greater,
  identity,
  ifElse,
  lastColumn,
  less,
  max,
  min,
  mul,
  or,
  reduceMax,
  reduceSum,
  squeeze,
  sub,
  topK as largest,
  where,
} from '../operators.js';

/** Of the rows of a run. */
export interface Truncation {
  /** int64 [R, 1]; 0: all. */
  readonly topK: Value;
  /** [R, 1]; 1: all. */
  readonly topP: Value;
  /** int64 [1]: how many of a row's probabilities are sorted at first, see `candidatesOf`. */
  readonly candidates: Value;
}

export function truncationInputs(g: Graph): Truncation {
  return {
    topK: g.input('topK', 'int64', ['rows', 1]),
    topP: g.input('topP', 'float32', ['rows', 1]),
    candidates: g.input('candidates', 'int64', [1]),
  };
}

/** Few enough to be found without sorting a large vocabulary, and nearly always enough for `topP`. */
const CANDIDATES = 1024;

/** How many must be sorted for these rows: any row's `topK`, and for `topP` alone a guess. */
export function candidatesOf(
  rows: readonly { readonly topK: number; readonly topP: number }[],
  vocabSize: number,
): number {
  const wanted = rows.map(({ topK, topP }) => (topK > 0 ? topK : topP < 1 ? CANDIDATES : 1));
  return Math.min(vocabSize, Math.max(...wanted));
}

/** The least positive normal number: removed tokens at the front of a cumulative sum are below it, kept ones are not. */
const TINY = 2 ** -126;

/** What is left of p [R, V], with 0 for what is removed. */
export function kept(g: Graph, p: Value, truncation: Truncation): Value {
  const { threshold, missing } = thresholdAmong(g, p, truncation, truncation.candidates);
  const enough = less(g, reduceMax(g, missing, [0, 1]), g.int32(1));
  const [least] = ifElse(
    g,
    enough,
    (found) => [identity(found, threshold)],
    (all) => [thresholdAmong(all, p, truncation, dimension(all, p, 1)).threshold],
  );
  return where(g, less(g, p, least), g.float(0), p);
}

/** What the cumulative sum is compared with in place of u [R, 1], where `total` [R, 1] is left: [R, 1]. */
export function boundOf(g: Graph, u: Value, total: Value, { topK, topP }: Truncation): Value {
  const truncates = or(g, greater(g, topK, g.int64(0)), less(g, topP, g.float(1)));
  return where(g, truncates, max(g, mul(g, u, total), g.float(TINY)), u);
}

/**
 * The least probability that is kept, [R, 1]. Bits do not depend on how many are sorted, as long as these are enough:
 * `missing` is 1 where they are not, int32 [R, 1].
 */
function thresholdAmong(
  g: Graph,
  p: Value,
  { topK, topP }: Truncation,
  candidates: Value,
): { threshold: Value; missing: Value } {
  const hasTopK = greater(g, topK, g.int64(0));
  const hasTopP = less(g, topP, g.float(1));
  const sorted = largest(g, p, candidates, 'candidates'); // [R, C]
  const kth = gatherElements(g, sorted, sub(g, max(g, topK, g.int64(1)), g.int64(1)));
  const fromTopK = where(g, hasTopK, kth, g.float(0));
  // By place, not by value: of equals behind the k-th, as many are sorted as other rows ask for.
  const place = g.node(
    'Range',
    [g.int64(0), squeeze(g, candidates, 0), g.int64(1)],
    [{ type: 'int64', shape: ['candidates'] }],
  )[0];
  const isCounted = less(g, place, where(g, hasTopK, topK, g.int64(Number.MAX_SAFE_INTEGER)));
  const mass = cumSum(g, where(g, isCounted, sorted, g.float(0)), 1);
  const massOfAll = lastColumn(g, mass);
  const wanted = mul(g, topP, where(g, hasTopK, massOfAll, g.float(1)));
  const before = reduceSum(g, cast(g, less(g, mass, wanted), 'int64'), [1], true);
  // Of all together rounding may leave less than is wanted: then all are kept.
  const pth = gatherElements(g, sorted, min(g, before, sub(g, candidates, g.int64(1))));
  const threshold = max(g, fromTopK, where(g, hasTopP, pth, g.float(0)));
  const missing = cast(g, and(g, hasTopP, less(g, massOfAll, wanted)), 'int32');
  return { threshold, missing };
}
