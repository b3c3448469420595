/** What judges responses: a problem and a response give a verdict. */
import type { Verdict } from '../contracts/artifacts/verdict.js';

export interface VerifiedProblem {
  /** The prompt's text as the model got it. */
  readonly prompt?: string;
  /** An answer equal to any of these is right. */
  readonly groundTruth: string | readonly string[];
}

/**
 * What a module exports as `verify`. The same input must give the same verdict: an audit asks again.
 * @param response the whole decoded response without end of sequence
 */
export type Verify = (problem: VerifiedProblem, response: string) => Verdict | Promise<Verdict>;

export interface Verifier {
  /** Answers each time: what fails, explodes or hangs is 0 with a reason. */
  readonly verify: (problem: VerifiedProblem, response: string) => Promise<Verdict>;
  /** Whether a verdict is awaited. */
  readonly busy: boolean;
  /** Ends its processes; the next response starts others. */
  close(): Promise<void>;
}

/** The limit came before the verdict. */
export const TIMEOUT: Verdict = { reward: 0, reason: 'timeout' };
/** The process that judged it ended by itself. */
export const CRASH: Verdict = { reward: 0, reason: 'crash' };

/** Whether a verdict says something about the machine, so that another one may judge otherwise. */
export function isOfTheMachine({ reason }: Pick<Verdict, 'reason'>): boolean {
  return reason === TIMEOUT.reason || reason === CRASH.reason;
}
