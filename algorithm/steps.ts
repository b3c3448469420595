/**
 * Cutting a response into steps (spec 1).
 *
 * Paper (section 3): steps are separated by "\n\n".
 * Authors' code, where the paper is silent: the separator is a token whose own text contains a blank line; without any, a
 * token with a newline; without that too, every token is a step. What follows the last separator is the last step. The
 * reasoning ends with the last occurrence of the last id of `</think>`. Where that is several tokens, such an id (">") occurs
 * anywhere: we look for the text.
 * Left out: padded layouts; positions here count from the first real prompt token.
 */

/** Half-open range [start, end) of absolute token positions: 0 is the first prompt token. */
export type StepRange = readonly [start: number, end: number];

/** Which tokens separated the steps of a response. */
type StepSeparator = 'blank_line' | 'newline' | 'every_token';

export interface Steps {
  /** Entry 0 is the prompt, entries 1..T are the response's steps, adjacent and in order. */
  readonly stepRanges: readonly StepRange[];
  readonly separator: StepSeparator;
  /** Last think-end token, relative to the first response token, or -1. */
  readonly thinkEndToken: number;
  /** Index into stepRanges of the step that holds it, or -1. */
  readonly thinkEndStep: number;
}

export interface TokenizedResponse {
  /** Number of prompt tokens. */
  readonly promptLength: number;
  /** Response token ids. */
  readonly ids: ArrayLike<number>;
  /** Text of each response token decoded alone; '' for added and special tokens, which never separate. */
  readonly texts: readonly string[];
  /** Id of `</think>`; undefined where it is no token of its own: then its last occurrence in the texts is taken. */
  readonly thinkEndId?: number | undefined;
}

/** What ends the reasoning. */
export const THINK_END = '</think>';

/** Cuts one response; an empty response has no steps (T = 0). */
export function splitSteps({ promptLength, ids, texts, thinkEndId }: TokenizedResponse): Steps {
  if (ids.length !== texts.length)
    throw new RangeError(`${ids.length} response tokens but ${texts.length} token texts`);
  const separator = separatorOf(texts);
  const stepRanges: StepRange[] = [[0, promptLength]];
  let start = 0;
  texts.forEach((text, token) => {
    if (!endsStep(text, separator) && token + 1 < texts.length) return;
    stepRanges.push([promptLength + start, promptLength + token + 1]);
    start = token + 1;
  });
  const thinkEndToken =
    thinkEndId === undefined ? lastThinkEnd(texts) : Array.prototype.lastIndexOf.call(ids, thinkEndId);
  const thinkEndStep = thinkEndToken < 0 ? -1 : stepRanges.findIndex(([, end]) => end > promptLength + thinkEndToken);
  return { stepRanges, separator, thinkEndToken, thinkEndStep };
}

/** The token in which the last `</think>` ends, or -1. */
function lastThinkEnd(texts: readonly string[]): number {
  const start = texts.join('').lastIndexOf(THINK_END);
  if (start < 0) return -1;
  const end = start + THINK_END.length;
  let length = 0;
  return texts.findIndex((text) => (length += text.length) >= end);
}

function separatorOf(texts: readonly string[]): StepSeparator {
  if (texts.some((text) => text.includes('\n\n'))) return 'blank_line';
  return texts.some((text) => text.includes('\n')) ? 'newline' : 'every_token';
}

function endsStep(text: string, separator: StepSeparator): boolean {
  if (separator === 'every_token') return true;
  return text.includes(separator === 'blank_line' ? '\n\n' : '\n');
}
