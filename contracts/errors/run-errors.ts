/**
 * Errors that cross Temporal. A thrown error keeps its `name` as the failure's type; the names in
 * `NON_RETRYABLE` end the run at once, because another attempt on the same input would end the same way.
 */

/** One thing wrong with what the user gave: `path` leads to it in the JSON (`sampling.temperature`). */
export interface InputProblem {
  readonly path: string;
  readonly problem: string;
}

/** The configuration, or what it points to, can not be used. Lists every problem, found before any work is done. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig';
  constructor(readonly problems: readonly InputProblem[]) {
    const lines = problems.map(({ path, problem }) => `  ${path || '(the whole)'}: ${problem}`);
    super(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the run's input\n${lines.join('\n')}`,
    );
  }
}

/** An activity wanted to return more than belongs into a workflow's history: large results go to the store. */
export class ResultTooLarge extends Error {
  override readonly name = 'ResultTooLarge';
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

/** Loss or gradient were not finite; the policy before is kept. */
export const NON_FINITE_UPDATE = 'NonFiniteUpdate';

/** An attempt that a stopping worker gave back with what it had saved: it goes on at once, elsewhere or here. */
export const HANDED_BACK = 'HandedBack';

/** Work that failed several times in a row without any progress between. */
export const FAILS_EACH_TIME = 'FailsEachTime';

/** Failure types that no retry can mend: wrong input, damaged files, and mistakes in the program itself. */
export const NON_RETRYABLE: readonly string[] = [
  'InvalidConfig',
  'ResultTooLarge',
  NON_FINITE_UPDATE,
  FAILS_EACH_TIME,
  'ArtifactDamaged',
  'ArtifactMissing',
  'CheckpointDamaged',
  'InvalidCheckpoint',
  'TokenizerMismatch',
  'InvalidChatTemplate',
  'NoChatTemplate',
  'ProblemSetChanged',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
];
