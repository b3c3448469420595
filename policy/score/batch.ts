/** Sequences that are scored together, as graphs take them. Axes: B rows, S padded length, N wanted tokens. */
import type { ScoreRequest } from '../../contracts/engine.js';
import type { ModelConfig } from '../transformer/config.js';
import { hasLargeVocabulary, hasLargeWeights } from '../transformer/large.js';
import { PART_TOKENS } from './token-scores.js';

const DEFAULT_DELTA = 4;
/** Sequences up to this length are one block of attention, longer ones are cut into blocks. Decides bits of the FCI. */
const ONE_BLOCK = 128;
const QUERY_BLOCK = 64;
/** Sequences are padded to a multiple of it, which no vectorised sum over them notices. */
const LANES = 16;

export interface ScoreBatch {
  readonly rows: number;
  readonly length: number;
  /** Queries that attend at a time; it divides the length. */
  readonly block: number;
  readonly tokens: BigInt64Array /* [B, S] */;
  readonly positions: BigInt64Array /* [B, S] */;
  /** Places in [B * S] whose hidden state predicts a wanted token, padded: [N]. */
  readonly places: BigInt64Array;
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
  const rows = requests.length;
  const length = Math.max(...requests.map(({ tokens }) => paddedLength(tokens.length)));
  const total = requests.reduce((sum, { tokens, promptLength }) => sum + tokens.length - promptLength, 0);
  // A product of a single row takes another kernel with other bits: a second place is read and thrown away.
  const inParts = hasLargeVocabulary(config) || hasLargeWeights(config);
  const wanted = inParts ? Math.ceil(total / PART_TOKENS) * PART_TOKENS : Math.max(2, total);
  const places = new BigInt64Array(wanted);
  const labels = new BigInt64Array(wanted);
  const temperature = new Float32Array(wanted).fill(1);
  const tokens = new BigInt64Array(rows * length);
  const positions = new BigInt64Array(rows * length);
  let n = 0;
  requests.forEach((request, r) => {
    for (let t = 0; t < length; t++) positions[r * length + t] = BigInt(t);
    request.tokens.forEach((token, t) => (tokens[r * length + t] = BigInt(token)));
    for (let t = request.promptLength; t < request.tokens.length; t++, n++) {
      places[n] = BigInt(r * length + t - 1);
      labels[n] = BigInt(request.tokens[t]);
      temperature[n] = request.temperature;
    }
  });
  const steps = requests[0].stepRanges && stepColumns(requests, length);
  const block = Math.min(length, blockOf(length));
  return { rows, length, block, tokens, positions, places, labels, temperature, ...(steps ? { steps } : {}) };
}

function stepColumns(requests: readonly ScoreRequest[], length: number): StepColumns {
  const weight = new Float32Array(requests.length * length);
  const reach = new BigInt64Array(requests.length * length);
  const ranges = requests.map(({ stepRanges }) => stepRanges!);
  requests.forEach(({ delta = DEFAULT_DELTA }, r) => {
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
