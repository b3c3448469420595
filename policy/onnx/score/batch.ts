/**
 * Sequences that are scored together, as graphs take them. What several begin with goes through the matrices once: a token has
 * the same hidden state wherever all before it is the same (siblings, responses to one prompt). Only attention sees rows.
 * Axes: B rows, S padded length, D distinct tokens (each with all before it), N wanted tokens.
 */
import { DELTA } from '../../../algorithm/influence.js';
import type { ScoreRequest } from '../../../contracts/engine/engine.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeVocabulary, hasLargeWeights } from '../../model/large.js';
import { PART_TOKENS } from './token-scores.js';

/** Sequences up to this length are one block of attention, longer ones are cut into blocks. Decides bits of the FCI. */
const ONE_BLOCK = 128;
const QUERY_BLOCK = 64;
/** Sequences are padded to a multiple of it, which no vectorised sum over them notices. */
const LANES = 16;
/** Distinct tokens of all places. */
const WORTH_SHARING = 0.9;

export interface ScoreBatch {
  readonly rows: number;
  readonly length: number;
  /** Queries that attend at a time; it divides the length. */
  readonly block: number;
  /** Padded. */
  readonly tokens: BigInt64Array /* [D] */;
  readonly positions: BigInt64Array /* [D] */;
  /** The distinct token at each place, any of them in padding: [B * S]. */
  readonly spread: BigInt64Array;
  /** A place in [B * S] at which each distinct token stands, [D]. */
  readonly found: BigInt64Array;
  /** Whether there are so much fewer distinct tokens than places that it is worth to bring them there and back. */
  readonly shares: boolean;
  /** The distinct token that comes before each wanted token, whose hidden state predicts it; padded: [N]. */
  readonly predecessors: BigInt64Array;
  readonly labels: BigInt64Array /* [N] */;
  readonly temperature: Float32Array /* [N] */;
  /** Where FCI is wanted. */
  readonly steps?: StepColumns;
}

export interface StepColumns {
  /** Per row, ranges of its steps. */
  readonly ranges: readonly (readonly (readonly [number, number])[])[];
  /** K: most steps of a row. */
  readonly count: number;
  /** 1 / (length of the token's step), 0 for padding: [B, S]. */
  readonly weight: Float32Array;
  /** Keys before this position are at least Delta steps back: [B, S]. */
  readonly reach: BigInt64Array;
}

/** What a pass finds out about a batch. */
export interface BatchScores {
  readonly logProbs: Float32Array /* [N] */;
  readonly entropies: Float32Array /* [N] */;
  /** FCI before zeroing, [B, K]. */
  readonly influence?: Float32Array;
}

export interface ScorePass {
  /** @param between called between pieces of the work, if there are several; throwing stops. */
  run(batch: ScoreBatch, between: () => Promise<void>): Promise<BatchScores>;
  close(): Promise<void>;
}

/** @param requests all with steps or none, of one block (`blockOf`) */
export function scoreBatch(config: ModelConfig, requests: readonly ScoreRequest[]): ScoreBatch {
  const length = Math.max(...requests.map(({ tokens }) => paddedLength(tokens.length)));
  const distinct = distinctTokens(requests, length);
  const steps = requests[0].stepRanges && stepColumns(requests, length);
  const block = Math.min(length, blockOf(length));
  const wanted = wantedTokens(config, requests, length, distinct.spread);
  return { rows: requests.length, length, block, ...distinct, ...wanted, ...(steps ? { steps } : {}) };
}

function distinctTokens(
  requests: readonly ScoreRequest[],
  length: number,
): Pick<ScoreBatch, 'tokens' | 'positions' | 'spread' | 'found' | 'shares'> {
  const spread = new BigInt64Array(requests.length * length);
  const tokens: bigint[] = [];
  const found: bigint[] = [];
  const positions: bigint[] = [];
  /** Distinct tokens by the one before and their id. */
  const known = new Map<number, Map<number, number>>();
  requests.forEach((request, r) => {
    let before = -1;
    request.tokens.forEach((token, t) => {
      const after = known.get(before) ?? new Map<number, number>();
      if (after.size === 0) known.set(before, after);
      const place = r * length + t;
      before = after.get(token) ?? tokens.push(BigInt(token)) - 1;
      after.set(token, before);
      spread[place] = BigInt(before);
      if (before < found.length) return;
      found.push(BigInt(place));
      positions.push(BigInt(t));
    });
  });
  const padded = (values: readonly bigint[]): BigInt64Array => {
    const result = new BigInt64Array(Math.ceil(values.length / LANES) * LANES);
    result.set(values);
    return result;
  };
  const shares = tokens.length < WORTH_SHARING * spread.length;
  return { tokens: padded(tokens), positions: padded(positions), spread, found: padded(found), shares };
}

function wantedTokens(
  config: ModelConfig,
  requests: readonly ScoreRequest[],
  length: number,
  spread: BigInt64Array,
): Pick<ScoreBatch, 'predecessors' | 'labels' | 'temperature'> {
  const total = requests.reduce((sum, { tokens, promptLength }) => sum + tokens.length - promptLength, 0);
  // A product of a single row takes another kernel with other bits: a second place is read and thrown away.
  const inParts = hasLargeVocabulary(config) || hasLargeWeights(config);
  const count = inParts ? Math.ceil(total / PART_TOKENS) * PART_TOKENS : Math.max(2, total);
  const predecessors = new BigInt64Array(count);
  const labels = new BigInt64Array(count);
  const temperature = new Float32Array(count).fill(1);
  let n = 0;
  requests.forEach((request, r) => {
    for (let t = request.promptLength; t < request.tokens.length; t++, n++) {
      predecessors[n] = spread[r * length + t - 1];
      labels[n] = BigInt(request.tokens[t]);
      temperature[n] = request.temperature;
    }
  });
  return { predecessors, labels, temperature };
}

function stepColumns(requests: readonly ScoreRequest[], length: number): StepColumns {
  const weight = new Float32Array(requests.length * length);
  const reach = new BigInt64Array(requests.length * length);
  const ranges = requests.map(({ stepRanges }) => stepRanges!);
  requests.forEach(({ delta = DELTA }, r) => {
    ranges[r].forEach(([start, end], j) => {
      // Steps 0 .. j - delta are far enough back; their keys end where step j - delta ends.
      const far = j >= delta ? ranges[r][j - delta][1] : 0;
      weight.fill(1 / (end - start), r * length + start, r * length + end);
      reach.fill(BigInt(far), r * length + start, r * length + end);
    });
  });
  return { ranges, count: Math.max(...ranges.map((row) => row.length)), weight, reach };
}

export const blockOf = (length: number): number => (length <= ONE_BLOCK ? ONE_BLOCK : QUERY_BLOCK);

export function paddedLength(length: number): number {
  const unit = length <= ONE_BLOCK ? LANES : QUERY_BLOCK;
  return Math.ceil(length / unit) * unit;
}
