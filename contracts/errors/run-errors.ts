/** Errors of a run's input and results, and the types of failures that are not errors of ours. */
import { AttemptError } from './retry-policy.js';

/** One thing wrong with what the user gave: `path` leads to it in the JSON (`sampling.temperature`). */
export interface InputProblem {
  readonly path: string;
  readonly problem: string;
}

/** The configuration, or what it points to, cannot be used. Lists every problem, found before any work is done. */
export class InvalidConfig extends AttemptError {
  override readonly name = 'InvalidConfig';
  override readonly retry = 'never';
  constructor(readonly problems: readonly InputProblem[]) {
    const lines = problems.map(({ path, problem }) => `  ${path || '(the whole)'}: ${problem}`);
    super(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the run's input\n${lines.join('\n')}`,
    );
  }
}

/** An activity wanted to return more than belongs into a workflow's history: large results go to the store. */
export class ResultTooLarge extends AttemptError {
  override readonly name = 'ResultTooLarge';
  override readonly retry = 'never';
  constructor(
    readonly activity: string,
    readonly bytes: number,
    readonly limit: number,
  ) {
    super(
      `activity "${activity}" returned ${bytes} bytes, the limit is ${limit}; write it to the store and return its reference`,
    );
  }
}

/** An attempt that a stopping worker gave back with what it had saved: it goes on at once, elsewhere or here. */
export const HANDED_BACK = 'HandedBack';

/** Work that failed several times in a row without any progress between. */
export const FAILS_EACH_TIME = 'FailsEachTime';
