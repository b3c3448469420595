/**
 * What of a batch reaches the update (algorithm.md 4.2).
 *
 * Paper (section 3.4): problems whose leaves are all right or all wrong have no advantage and are left out.
 * Authors' code, where the paper is silent: only leaf paths that give a training row are looked at; V counts those that are left.
 * **Ours:** each problem that is left out gets a reason. Left out: nothing.
 */

export type DropReason = 'lowInfluence' | 'allCorrect' | 'allWrong' | 'noRows';

export interface GradedProblem {
  /** Of its leaf paths that give a training row. */
  readonly rewards: readonly number[];
  /** It is always solved, with no more influence than the average such problem (algorithm.md 4.1). */
  readonly lowInfluence: boolean;
}

export interface UpdateFilter {
  /** Per problem why nothing of it reaches the update; null: it does. */
  readonly dropped: readonly (DropReason | null)[];
  /** V: leaf paths in the training rows of the others. */
  readonly leafPaths: number;
}

/** @param adaptive false for the baselines, which train on whatever has rows */
export function filterForUpdate(problems: readonly GradedProblem[], adaptive: boolean): UpdateFilter {
  const dropped = problems.map((problem) => dropReason(problem, adaptive));
  const left = problems.filter((_, i) => dropped[i] === null);
  return { dropped, leafPaths: left.reduce((sum, { rewards }) => sum + rewards.length, 0) };
}

function dropReason({ rewards, lowInfluence }: GradedProblem, adaptive: boolean): DropReason | null {
  if (lowInfluence) return 'lowInfluence';
  if (rewards.length === 0) return 'noRows';
  if (!adaptive || rewards.some((reward) => reward !== rewards[0])) return null;
  return rewards[0] === 1 ? 'allCorrect' : 'allWrong';
}
