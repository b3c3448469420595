/** Takes from an answer's LaTeX what only says how it looks. Each rule takes time linear in the answer's length. */

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
  [/\\(?:left|right|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?/g, ''],
  [/\\(?:displaystyle|textstyle|scriptstyle|limits|nolimits|middle|mathstrut|strut|null)(?![a-zA-Z])/g, ''],
  // Groups of three digits.
  [/(\d)(?:\{, ?\}|, ?\\!|\\,) *(?=\d{3}(?!\d))/g, '$1'],
  [/\\!/g, ''],
  [/\\[,;:> ]|\\q?quad(?![a-zA-Z])|\\(?:thin|med|thick)space(?![a-zA-Z])|~|\s/g, ' '],
  [/\\(?:hspace|vspace|phantom|hphantom|vphantom) *\*? *\{[^{}]*\}/g, ' '],
  [/\{ *, *\}/g, ','],
  // Money, and the marks between which mathematics stands in text.
  [/\\?\$|\\[()[\]]/g, ''],
  [/\\?%/g, '\\percent '],
  [/\\(?:color|textcolor) *\{[^{}]*\}/g, ''],
  [/\\(?:underline|boldsymbol|bm|mathbf|mathit|mathsf|mathnormal|pmb|bf|it|displaylines|ensuremath)(?![a-zA-Z])/g, ' '],
  [
    /\\(?:text|textbf|textit|textrm|textsf|textnormal|textup|mathrm|mbox|hbox|rm|operatorname)(?![a-zA-Z])\*?/g,
    '\\text ',
  ],
  [/\\[dtc]frac(?![a-zA-Z])/g, '\\frac'],
  [/\\[dt]binom(?![a-zA-Z])/g, '\\binom'],
  [/\^ *(?:\{ *\\(?:circ|degree)(?![a-zA-Z]) *\}|\\(?:circ|degree)(?![a-zA-Z]))|\\degree(?![a-zA-Z])/g, '\\degrees '],
  [/ +/g, ' '],
  // The full stop of the sentence.
  [/(?:[\s.,;:]|\\newline)+$/, ''],
];

export function withoutTypesetting(latex: string): string {
  let text = latex.trim().replace(/\P{ASCII}/gu, (character) => CHARACTERS[character] ?? character);
  for (const [pattern, replacement] of RULES) text = text.replace(pattern, replacement);
  return text.trim();
}
