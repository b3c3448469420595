/** Scores sequences teacher-forced, in batches of similar length within a token budget. */
import { zeroOutsideReasoning } from '../../../algorithm/influence.js';
import type { Score, ScoreRequest } from '../../../contracts/engine/engine.js';
import { LIMITS } from '../../limits.js';
import type { SessionSettings } from '../runtime.js';
import type { ModelConfig } from '../../model/config.js';
import { hasLargeWeights } from '../../model/large.js';
import type { Weights } from '../../model/parameters.js';
import { type BatchScores, blockOf, paddedLength, scoreBatch, type ScorePass } from './batch.js';
import { PiecewisePass } from './piecewise-pass.js';
import { WholePass } from './whole-pass.js';

export class Scorer {
  readonly #pass: ScorePass;
  readonly #piecewise: boolean;

  constructor(
    private readonly config: ModelConfig,
    weights: Weights,
    private readonly settings: SessionSettings,
  ) {
    // Other devices, and weights in half precision, have the weights as constants: they would be given anew to each piece.
    const shared = (settings.provider ?? 'cpu') === 'cpu' && settings.weights !== 'fp16';
    this.#piecewise = hasLargeWeights(config) && shared;
    const Pass = this.#piecewise ? PiecewisePass : WholePass;
    this.#pass = new Pass(config, weights, settings);
  }

  /**
   * Results in the order of the requests.
   * @param between called after each piece of the work with the number of sequences done; throwing stops.
   */
  async score(requests: readonly ScoreRequest[], between: (done: number) => Promise<void>): Promise<Score[]> {
    const results = new Array<Score>(requests.length);
    let done = 0;
    for (const members of batches(requests, this.#piecewise, (this.settings.limits ?? LIMITS).score.batchTokens)) {
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
 * Indices of requests that run together, within so many tokens: with and without FCI apart, and those of one block. In one
 * graph all attend at a time, in rows as long as the longest: those of similar length run together. In pieces a sequence
 * attends by itself, and what matters is what goes through the matrices: siblings, which follow one another, run together.
 */
function batches(requests: readonly ScoreRequest[], piecewise: boolean, tokens: number): number[][] {
  const kind = (request: ScoreRequest): string =>
    `${request.stepRanges !== undefined} ${blockOf(request.tokens.length)}`;
  const kinds = new Map<string, number[]>();
  requests.forEach((request, i) => kinds.set(kind(request), [...(kinds.get(kind(request)) ?? []), i]));
  const length = (i: number): number => paddedLength(requests[i].tokens.length);
  return [...kinds.values()].flatMap((members) => {
    if (!piecewise) members.sort((a, b) => length(a) - length(b) || a - b);
    const result: { readonly members: number[]; cost: number }[] = [];
    for (const i of members) {
      const open = result.at(-1);
      const grown =
        open && (piecewise ? open.cost + newTokens(open.members, i) : (open.members.length + 1) * length(i));
      if (grown !== undefined && grown <= tokens) {
        open!.members.push(i);
        open!.cost = grown;
      } else {
        result.push({ members: [i], cost: length(i) });
      }
    }
    return result.map((batch) => batch.members);
  });

  /** Those from where the sequence differs from the one before it. */
  function newTokens(before: readonly number[], i: number): number {
    const [last, own] = [requests[before.at(-1)!].tokens, requests[i].tokens];
    const differs = own.findIndex((token, t) => token !== last[t]);
    return differs < 0 ? 0 : own.length - differs;
  }
}
