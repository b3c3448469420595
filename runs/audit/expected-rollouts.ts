/** Which rollouts an iteration must have, and how each must end. */
import type { BranchPlan } from '../../contracts/artifacts/documents.js';
import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';

type Place = Pick<StoredRollout, 'problem' | 'response' | 'branch' | 'at'>;

export const placeOf = ({ problem, response, branch, at }: StoredRollout): Place => ({ problem, response, branch, at });

export function initialPlaces(problems: number, responsesDrawn: number): Place[] {
  return Array.from({ length: problems }, (_, problem) =>
    Array.from({ length: responsesDrawn }, (_, response) => ({ problem, response, branch: 0, at: 0 })),
  ).flat();
}

export function branchPlaces(plan: BranchPlan, rolloutsPerPoint: number): Place[] {
  return plan.problems.flatMap(({ problem, responses }) =>
    responses.flatMap(({ response, points }) =>
      points
        .flatMap((at) => Array.from({ length: rolloutsPerPoint }, () => at))
        .map((at, branch) => ({ problem, response, branch: branch + 1, at })),
    ),
  );
}

/** A rollout ends with the first stop token, or at its limit. */
export function endsAsItShould(
  { at, tokens, finished }: StoredRollout,
  limit: number,
  stops: readonly number[],
): boolean {
  const stop = tokens.findIndex((token) => stops.includes(token));
  if (at + tokens.length > limit) return false;
  return finished ? stop === tokens.length - 1 && stop >= 0 : stop < 0 && at + tokens.length === limit;
}
