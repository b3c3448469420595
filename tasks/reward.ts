/**
 * The verifiable reward of spec section 8: 1 if the response's boxed answer is a ground truth, else 0.
 *
 * Paper: rule-based reward. Authors' code, where the paper is silent: only text behind the last `</think>` counts; the last
 * box is the answer; equal is what one of three stages takes for equal (`math/answer.ts`). Ours: no box, no reward. Left out:
 * the authors' reading of the last expression anywhere in the text.
 */
import { sameAnswer } from './math/answer.js';
import type { Verdict } from './verifier.js';

/**
 * @param responseText the whole decoded response without end of sequence
 * @param groundTruth any of which may match; boxed ones are unboxed, and nothing matches an empty one
 */
export function rewardOf(responseText: string, groundTruth: string | readonly string[]): Verdict {
  const answer = lastBoxed(responseText.slice(afterThinking(responseText)));
  if (answer === undefined) return { reward: 0, reason: 'no boxed answer' };
  const truths = (typeof groundTruth === 'string' ? [groundTruth] : groundTruth).filter((truth) => truth.trim() !== '');
  return truths.some((truth) => sameAnswer(answer, lastBoxed(truth) ?? truth))
    ? { reward: 1, reason: 'correct' }
    : { reward: 0, reason: 'wrong answer' };
}

/** Content of the last `\boxed{…}`; undefined when there is none or its braces do not close. */
export function lastBoxed(text: string): string | undefined {
  const command = '\\boxed';
  const at = text.lastIndexOf(command);
  const start = at + command.length;
  if (at < 0 || text[start] !== '{') return undefined;
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if (text[i] === '{') depth += 1;
    else if (text[i] === '}' && --depth === 0) return text.slice(start + 1, i);
  }
  return undefined;
}

function afterThinking(text: string): number {
  const at = text.lastIndexOf('</think>');
  return at < 0 ? 0 : at + '</think>'.length;
}
