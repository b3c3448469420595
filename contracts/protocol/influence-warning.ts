import type { Algorithm } from '../config/run-config.js';
import type { InfluenceWarning, InitialStatistics } from './run.js';

/** Undefined where half of the responses or more have influence, and where branch points do not go by it. */
export function influenceWarning(
  algorithm: Algorithm,
  { responses, steps }: Pick<InitialStatistics, 'responses' | 'steps'>,
): InfluenceWarning | undefined {
  const withoutInfluence = steps?.withoutInfluence ?? 0;
  return algorithm === 'attnrl' && 2 * withoutInfluence > responses ? { responses, withoutInfluence } : undefined;
}

/** For the run's page and the terminal. */
export function influenceWarningText({ responses, withoutInfluence }: InfluenceWarning): string {
  const share = Math.round((100 * withoutInfluence) / responses);
  return (
    `${withoutInfluence} of the newest ${responses} responses (${share} %) have no step with influence: they are ` +
    'branched at their earliest steps, whatever attention says. A finer `steps.separator` or a smaller `steps.delta` gives ' +
    'attention a say, `attnrl plan --probe` shows what each separator would do (docs/steps.md).'
  );
}
