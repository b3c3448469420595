/** Rollouts with what was found of them. Nobody else looks one up by the place of another. */
import type { StoredRollout } from '../contracts/artifacts/stored-rollout.js';
import type { StoredScore } from '../contracts/artifacts/stored-score.js';
import type { Verdict } from '../contracts/artifacts/verdict.js';

export interface JoinedRollout {
  readonly rollout: StoredRollout;
  readonly verdict: Verdict;
  readonly score: StoredScore;
}

/** Names a response among those of a draw. */
export const responseKey = ({ problem, response }: Pick<StoredRollout, 'problem' | 'response'>): string =>
  `${problem}/${response}`;

/**
 * Each list in the order of the rollouts.
 * @throws RangeError where they do not belong together: of unequal lengths, a rollout twice, scores of another number of tokens
 */
export function joinRollouts(
  rollouts: readonly StoredRollout[],
  verdicts: readonly Verdict[],
  scores: readonly StoredScore[],
): JoinedRollout[] {
  if (verdicts.length !== rollouts.length || scores.length !== rollouts.length) {
    throw new RangeError(
      `${rollouts.length} rollouts, ${verdicts.length} verdicts and ${scores.length} scores do not belong together`,
    );
  }
  const names = new Set<string>();
  return rollouts.map((rollout, i) => {
    const name = `${responseKey(rollout)}/${rollout.branch}`;
    if (names.has(name)) throw new RangeError(`rollout ${name} (problem, response, branch) is there twice`);
    names.add(name);
    const score = scores[i];
    const { length } = score.logProbs;
    if (length !== 0 && length !== rollout.tokens.length)
      throw new RangeError(`rollout ${name} has ${rollout.tokens.length} tokens, but scores of ${length}`);
    return { rollout, verdict: verdicts[i], score };
  });
}
