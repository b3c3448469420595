/**
 * Cutting a response into steps (algorithm.md 1).
 *
 * Paper (section 3): steps are separated by "\n\n".
 * Authors' code, where the paper is silent: the separator is a token whose own text contains a blank line; without any, a
 * token with a newline; without that too, every token is a step. What follows the last separator is the last step. The
 * reasoning ends with the last occurrence of the last id of `</think>`. Where that is several tokens, such an id (">") occurs
 * anywhere: we look for the text.
 * **Ours:** finer separators for models that write few, long paragraphs. `line` cuts behind tokens with a newline; `sentence`
 * also behind tokens in which a sentence ends. Without any, again every token is a step.
 * Left out: padded layouts; positions here count from the first real prompt token. Abbreviations: "e.g. this" is two sentences.
 */

/** Half-open range [start, end) of absolute token positions: 0 is the first prompt token. */
export type StepRange = readonly [start: number, end: number];

/** What steps are cut at, each finer than the one before. The contract's is the first. */
export const STEP_SEPARATORS = ['blank-line', 'line', 'sentence'] as const;
export type StepSeparator = (typeof STEP_SEPARATORS)[number];

/** What a response was cut at in the end: `token`, every one, where nothing separates it. */
export type CutBy = StepSeparator | 'token';

export interface Steps {
  /** Entry 0 is the prompt, entries 1..T are the response's steps, adjacent and in order. */
  readonly stepRanges: readonly StepRange[];
  readonly cutBy: CutBy;
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
export function splitSteps(
  { promptLength, ids, texts, thinkEndId }: TokenizedResponse,
  separator: StepSeparator = 'blank-line',
): Steps {
  if (ids.length !== texts.length)
    throw new RangeError(`${ids.length} response tokens but ${texts.length} token texts`);
  const { cutBy, lastTokens } = cut(texts, separator);
  if (texts.length > 0 && lastTokens.at(-1) !== texts.length - 1) lastTokens.push(texts.length - 1);
  const stepRanges: StepRange[] = [[0, promptLength]];
  let start = promptLength;
  for (const token of lastTokens) {
    const end = promptLength + token + 1;
    stepRanges.push([start, end]);
    start = end;
  }
  const thinkEndToken =
    thinkEndId === undefined ? lastThinkEnd(texts) : Array.prototype.lastIndexOf.call(ids, thinkEndId);
  const thinkEndStep = thinkEndToken < 0 ? -1 : stepRanges.findIndex(([, end]) => end > promptLength + thinkEndToken);
  return { stepRanges, cutBy, thinkEndToken, thinkEndStep };
}

/** The token in which the last `</think>` ends, or -1. */
function lastThinkEnd(texts: readonly string[]): number {
  const start = texts.join('').lastIndexOf(THINK_END);
  return start < 0 ? -1 : tokensAt(texts, [start + THINK_END.length - 1])[0];
}

/** Separators that are looked for, in this order, before every token is taken for a step. */
const LOOKED_FOR: Readonly<Record<StepSeparator, readonly StepSeparator[]>> = {
  'blank-line': ['blank-line', 'line'],
  line: ['line'],
  sentence: ['sentence'],
};

/** The tokens that end a step by a separator, ascending. */
function cut(texts: readonly string[], separator: StepSeparator): { cutBy: CutBy; lastTokens: number[] } {
  for (const cutBy of LOOKED_FOR[separator]) {
    const lastTokens = separating(texts, cutBy);
    if (lastTokens.length > 0) return { cutBy, lastTokens };
  }
  return { cutBy: 'token', lastTokens: [...texts.keys()] };
}

function separating(texts: readonly string[], separator: StepSeparator): number[] {
  if (separator === 'sentence') return sentenceEnds(texts);
  const mark = separator === 'blank-line' ? '\n\n' : '\n';
  return [...texts.keys()].filter((token) => texts[token].includes(mark));
}

/**
 * A newline; or a full stop, question or exclamation mark, with what closes behind it (quotes, brackets, emphasis, the end of a
 * formula), before other white space or the end: at the end of a line the newline belongs to the sentence. Not the stop of a
 * number that begins a line, as in lists.
 */
const SENTENCE_END = /\n|(?<!(?:^|\n)[ \t>*#-]*\d+)[.!?](?:["'”’»)\]}*_$`]|\\[)\]])*(?=[^\S\n]+\S|[^\S\n]*$)/g;

/** A sentence ends in the token that holds its last character, however its text is spread over tokens. */
function sentenceEnds(texts: readonly string[]): number[] {
  const ends = texts.join('').matchAll(SENTENCE_END);
  const last = Array.from(ends, ({ index, 0: end }) => index + end.length - 1);
  return [...new Set(tokensAt(texts, last))];
}

/** The tokens that hold these characters of the joined texts. @param characters ascending */
function tokensAt(texts: readonly string[], characters: readonly number[]): number[] {
  let token = -1;
  let end = 0;
  return characters.map((character) => {
    while (end <= character) end += texts[(token += 1)].length;
    return token;
  });
}
