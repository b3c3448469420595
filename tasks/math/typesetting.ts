/** Takes from an answer's LaTeX what only says how it looks. Each rule takes time linear in the answer's length. */

import { FUNCTIONS } from './vocabulary.js';

type Rule = readonly [pattern: RegExp, replacement: string];

/** Characters that people type where LaTeX has a command. */
const CHARACTERS: Readonly<Record<string, string>> = {
  '\u2212': '-',
  '\u2013': '-',
  '×': '\\times ',
  '÷': '\\div ',
  '·': '\\cdot ',
  '⋅': '\\cdot ',
  '∗': '*',
  π: '\\pi ',
  θ: '\\theta ',
  '√': '\\sqrt ',
  '∞': '\\infty ',
  '≤': '\\le ',
  '≥': '\\ge ',
  '≠': '\\ne ',
  '≈': '\\approx ',
  '±': '\\pm ',
  '∪': '\\cup ',
  '∩': '\\cap ',
  '∅': '\\emptyset ',
  '∈': '\\in ',
  '°': '^\\circ ',
  '²': '^2',
  '³': '^3',
  '½': '\\frac12',
  '€': '',
  '£': '',
  '\u200b': '',
  '\ufeff': '',
};

const RULES: readonly Rule[] = [
  [/\*\*/g, '^'],
  // A row's end in a matrix has no other meaning than that: what follows must not be read as one command with it.
  [/\\\\(?:\[[^[\]]*\])?/g, '\\newline '],
  // What is left of a blank at the end.
  [/\\$/, ''],
  [/\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?/g, ''],
  [/\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|middle|mathstrut|strut|null)(?![a-zA-Z])/g, ''],
  [/\\(?:tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge)(?![a-zA-Z])/g, ''],
  [/\\lbrack(?![a-zA-Z])/g, '['],
  [/\\rbrack(?![a-zA-Z])/g, ']'],
  // Groups of three digits.
  [/(\d)(?:\{, ?\}|, ?\\!|\\,) *(?=\d{3}(?!\d))/g, '$1'],
  [/\\!/g, ''],
  [/\\[,;:> ]|\\q?quad(?![a-zA-Z])|\\(?:thin|med|thick)space(?![a-zA-Z])|~|\s/g, ' '],
  [/\\(?:hspace|vspace|phantom|hphantom|vphantom) *\*? *\{[^{}]*\}/g, ' '],
  [/\{ *, *\}/g, ','],
  [/(?<!(?:[\^_]|\\[a-zA-Z]+) *)\{ *([-+=]) *\}/g, '$1'],
  [/(?<=[\d)\]!}]) *\{ *\}/g, ''],
  // `3{\frac14}` is a mixed number too.
  [/(?<![\^_.\d])(\d{1,9}) *\{ *(\\[dt]?frac *\{ *\d+ *\} *\{ *\d+ *\}) *\}/g, '$1$2'],
  // Money, and the marks between which mathematics stands in text.
  [/\\?\$|\\[()[\]]/g, ''],
  [/\\?%/g, '\\percent '],
  [/\\(?:color|textcolor) *\{[^{}]*\}/g, ''],
  [/\\(?:underline|boldsymbol|bm|mathbf|mathit|mathsf|mathnormal|pmb|bf|it|displaylines|ensuremath)(?![a-zA-Z])/g, ' '],
  [new RegExp(`\\\\operatorname *\\*? *\\{ *(${[...FUNCTIONS].join('|')}) *\\}`, 'g'), '\\$1 '],
  [
    /\\(?:text|textbf|textit|textrm|textsf|textnormal|textup|mathrm|mbox|hbox|rm|operatorname)(?![a-zA-Z])\*?/g,
    '\\text ',
  ],
  [/\\(?:[dtcs]|nice)frac(?![a-zA-Z])/g, '\\frac'],
  [/\\[dt]binom(?![a-zA-Z])/g, '\\binom'],
  [/\^ *(?:\{ *\\(?:circ|degree)(?![a-zA-Z]) *\}|\\(?:circ|degree)(?![a-zA-Z]))|\\degree(?![a-zA-Z])/g, '\\degrees '],
  [/ +/g, ' '],
  [/(?<!\d)\.(?= *\\overline(?![a-zA-Z]))/g, '0.'],
  [/^ *(?:=|\\approx(?![a-zA-Z]))/, ''],
];

/** Text that is words alone stays text. */
const TEXT_OF_MATHEMATICS = /^\\text *(?=\{[^{}]*\\)/;

export function withoutTypesetting(latex: string): string {
  let text = latex.replace(/\P{ASCII}/gu, (character) => CHARACTERS[character] ?? character);
  for (const [pattern, replacement] of RULES) text = text.replace(pattern, replacement);
  return withoutBraces(text);
}

/** Takes away braces and text around everything, and the full stops, blanks and line ends behind it. */
function withoutBraces(text: string): string {
  const closing = closingBraces(text);
  let from = 0;
  let to = text.length;
  for (;;) {
    while (from < to && text[from] === ' ') from += 1;
    for (;;) {
      if (from < to && ' .,;:'.includes(text[to - 1])) to -= 1;
      else if (text.endsWith('\\newline', to) && to - 8 >= from) to -= 8;
      else break;
    }
    const open = from + (TEXT_OF_MATHEMATICS.exec(text.slice(from, to))?.[0].length ?? 0);
    if (from >= to || closing.get(open) !== to - 1) return text.slice(from, to);
    from = open + 1;
    to -= 1;
  }
}

/** By place of an opening brace, that of the one which closes it. */
function closingBraces(text: string): Map<number, number> {
  const closing = new Map<number, number>();
  const open: number[] = [];
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '{') open.push(i);
    else if (text[i] === '}' && open.length > 0) closing.set(open.pop()!, i);
  }
  return closing;
}
