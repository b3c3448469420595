/**
 * Verdicts that were given, beside those given again. Where one of the two says something about the machine (a timeout, a
 * crash), they need not be the same: a slower or a busier machine judges otherwise, and nobody has forged anything. Such a
 * verdict has reward 0 wherever it was recorded; each is noted, so that nobody can hide many of them.
 */
import type { Verdicts } from '../../contracts/artifacts/documents.js';
import { isOfTheMachine } from '../../services/judge.js';

type Verdict = Verdicts['verdicts'][number];

/** What the recorded verdicts must be: those given again, or the recorded ones where these may differ. */
export function expectedVerdicts(
  recorded: Verdicts,
  again: readonly Verdict[],
): { expected: Verdicts; excused: number } {
  let excused = 0;
  const verdicts = again.map((verdict, i) => {
    const before = recorded.verdicts.at(i);
    if (!before || (before.reward === verdict.reward && before.reason === verdict.reason)) return verdict;
    if (!(isOfTheMachine(before) && before.reward === 0) && !isOfTheMachine(verdict)) return verdict;
    excused += 1;
    return before;
  });
  return { expected: { verdicts }, excused };
}

/** The note of an audit on them. */
export function excusedNote(iteration: number, what: string, excused: number): string {
  return (
    `iteration ${iteration}: ${excused} verdicts on ${what} are a timeout or a crash, in the run or now; ` +
    'whether the responses were right is not proved'
  );
}
