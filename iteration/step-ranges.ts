import { splitSteps, type StepRange, type Steps, type StepSeparator } from '../algorithm/steps.js';
import type { PolicyTokenizer } from '../policy/model/tokenizer.js';

/** Steps of a response behind its prompt. */
export function stepsOf(
  promptLength: number,
  tokens: Int32Array,
  tokenizer: PolicyTokenizer,
  separator?: StepSeparator,
): Steps {
  const texts = Array.from(tokens, (token) => tokenizer.stepText(token));
  return splitSteps({ promptLength, ids: tokens, texts, thinkEndId: tokenizer.thinkEndId }, separator);
}

/** Ends of the response's steps, relative to its first token. */
export function stepEnds({ stepRanges }: Pick<Steps, 'stepRanges'>, promptLength: number): Int32Array {
  return Int32Array.from(stepRanges.slice(1), ([, end]) => end - promptLength);
}

/** The inverse: ranges of the response's steps, in positions that count the prompt. */
export function responseRanges(ends: Int32Array, promptLength: number): StepRange[] {
  return Array.from(ends, (end, step) => [promptLength + (step === 0 ? 0 : ends[step - 1]), promptLength + end]);
}
