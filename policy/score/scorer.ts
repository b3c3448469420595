/** Scores sequences teacher-forced, in batches of similar length within a token budget. */
import { zeroOutsideReasoning } from '../../algorithm/influence.js';
import type { Score, ScoreRequest } from '../../contracts/engine.js';
import type { SessionSettings } from '../onnx/runtime.js';
import type { ModelConfig } from '../transformer/config.js';
import { hasLargeWeights } from '../transformer/large.js';
import type { Weights } from '../transformer/parameters.js';
import { type BatchScores, blockOf, paddedLength, scoreBatch, type ScorePass } from './batch.js';
import { PiecewisePass } from './piecewise-pass.js';
import { WholePass } from './whole-pass.js';

/** Padded tokens of a batch: enough for full-speed products, small enough to heartbeat between batches. */
const BATCH_TOKENS = 4096;

export class Scorer {
  readonly #pass: ScorePass;

  constructor(
    private readonly config: ModelConfig,
    weights: Weights,
    settings: SessionSettings,
  ) {
    // Other devices, and weights in half precision, have the weights as constants: they would be given anew to each piece.
    const shared = (settings.provider ?? 'cpu') === 'cpu' && settings.weights !== 'fp16';
    const Pass = hasLargeWeights(config) && shared ? PiecewisePass : WholePass;
    this.#pass = new Pass(config, weights, settings);
  }

  /**
   * Results in the order of the requests.
   * @param between called after each piece of the work with the number of sequences done; throwing stops.
   */
  async score(requests: readonly ScoreRequest[], between: (done: number) => Promise<void>): Promise<Score[]> {
    const results = new Array<Score>(requests.length);
    let done = 0;
    for (const members of batches(requests)) {
      const chosen = members.map((i) => requests[i]);
      const found = await this.#pass.run(scoreBatch(this.config, chosen), () => between(done));
      scoresOf(chosen, found).forEach((score, r) => (results[members[r]] = score));
      done += members.length;
      await between(done);
    }
    return results;
  }

  close(): Promise<void> {
    return this.#pass.close();
  }
}

/** What was found, by request. */
function scoresOf(requests: readonly ScoreRequest[], { influence, ...found }: BatchScores): Score[] {
  const steps = influence ? influence.length / requests.length : 0;
  let from = 0;
  return requests.map(({ tokens, promptLength, stepRanges, thinkEndStep = -1 }, r) => {
    const to = from + tokens.length - promptLength;
    const part = (values: Float32Array): Float32Array => values.slice(from, to);
    const score = { logProbs: part(found.logProbs), entropies: part(found.entropies), fci: new Float32Array(0) };
    from = to;
    if (!influence || !stepRanges) return score;
    const row = influence.subarray(r * steps, r * steps + stepRanges.length);
    return { ...score, fci: Float32Array.from(zeroOutsideReasoning(row, thinkEndStep)) };
  });
}

/**
 * Indices of requests that run together: with and without FCI apart, and those of one block, each sorted by padded length,
 * within the token budget.
 */
function batches(requests: readonly ScoreRequest[]): number[][] {
  const kind = ({ stepRanges, tokens }: ScoreRequest): string =>
    `${stepRanges !== undefined} ${blockOf(tokens.length)}`;
  const kinds = new Map<string, number[]>();
  requests.forEach((request, i) => kinds.set(kind(request), [...(kinds.get(kind(request)) ?? []), i]));
  const length = (i: number): number => paddedLength(requests[i].tokens.length);
  return [...kinds.values()].flatMap((members) => {
    const result: number[][] = [];
    for (const i of members.sort((a, b) => length(a) - length(b) || a - b)) {
      const open = result.at(-1);
      if (open && (open.length + 1) * length(i) <= BATCH_TOKENS) open.push(i);
      else result.push([i]);
    }
    return result;
  });
}
