import { splitSteps, type Steps } from '../algorithm/steps.js';
import type { PolicyTokenizer } from '../policy/tokenizer.js';

/** Steps of a response behind its prompt. */
export function stepsOf(promptLength: number, tokens: Int32Array, tokenizer: PolicyTokenizer): Steps {
  return splitSteps({
    promptLength,
    ids: tokens,
    texts: Array.from(tokens, (token) => tokenizer.stepText(token)),
    thinkEndId: tokenizer.thinkEndId,
  });
}

/** Ends of the response's steps, relative to its first token. */
export function stepEnds({ stepRanges }: Pick<Steps, 'stepRanges'>, promptLength: number): Int32Array {
  return Int32Array.from(stepRanges.slice(1), ([, end]) => end - promptLength);
}
