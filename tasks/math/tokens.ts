/** LaTeX in pieces. */

export interface Token {
  readonly kind: 'number' | 'command' | 'letters' | 'text' | 'sign' | 'end';
  /** The number's digits, the command's name without `\`, the letters, the text's content, the sign itself. */
  readonly value: string;
  /** Blank space stands before it. */
  readonly spaced: boolean;
}

const PIECES =
  /(?<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+(?![\d.]))?)|\\text *\{(?<text>[^{}]*)\}|\\(?<command>[a-zA-Z]+|[{}|])|(?<letters>[a-zA-Z]+)|(?<sign>[^\s\\])/y;

/** @returns undefined where something is no LaTeX */
export function tokensOf(latex: string): Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    const from = at;
    while (latex[at] === ' ') at += 1;
    const spaced = at > from;
    if (at >= latex.length) return [...tokens, { kind: 'end', value: '', spaced }];
    PIECES.lastIndex = at;
    const groups = PIECES.exec(latex)?.groups;
    if (!groups) return undefined;
    const [kind, value] = Object.entries(groups).find(([, piece]) => piece !== undefined) as [Token['kind'], string];
    tokens.push({ kind, value, spaced });
    at = PIECES.lastIndex;
  }
}
