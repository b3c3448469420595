/**
 * The verifiable reward of spec section 8: 1 if the response's boxed answer is a ground truth, else 0.
 *
 * Paper: rule-based reward. Authors' code, where the paper is silent: only text behind the last `</think>` counts; the last
 * box is the answer; equal is what one of three stages takes for equal (`math/answer.ts`). Ours: no box, no reward, unless
 * the authors' behaviour is asked for, who then take the last expression anywhere in the text (`math/last-expression.ts`).
 */
import { sameAnswer } from './math/answer.js';
import { lastExpression } from './math/last-expression.js';
import type { Verdict } from '../contracts/artifacts/verdict.js';

/** `anywhere`: without a usable box, a box before the last one, else the last expression of the text is the answer. */
export type AnswerPlace = 'boxed' | 'anywhere';

/**
 * @param responseText the whole decoded response without end of sequence
 * @param groundTruth any of which may match; boxed ones are unboxed, and nothing matches an empty one
 */
export function rewardOf(
  responseText: string,
  groundTruth: string | readonly string[],
  place: AnswerPlace = 'boxed',
): Verdict {
  const text = responseText.slice(afterThinking(responseText));
  const answer = lastBoxed(text) ?? (place === 'anywhere' ? answerAnywhere(text) : undefined);
  if (answer === undefined) return { reward: 0, reason: place === 'boxed' ? 'no boxed answer' : 'no answer' };
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

function answerAnywhere(text: string): string | undefined {
  const last = text.lastIndexOf('\\boxed');
  return (last > 0 ? lastBoxed(text.slice(0, last)) : undefined) ?? lastExpression(text);
}

function afterThinking(text: string): number {
  const at = text.lastIndexOf('</think>');
  return at < 0 ? 0 : at + '</think>'.length;
}
