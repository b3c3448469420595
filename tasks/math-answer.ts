/**
 * When are two written answers the same? By spelling: the rewriting rules of the MATH data set's grader and those its
 * successors agree on, then equal values of plain numbers, element by element in tuples, sets and intervals.
 * Left out: algebra (`(x+1)^2` is not `x^2+2x+1` here), orders of elements, sets of solutions, units of different size.
 *
 * Every rule takes time linear in the answer's length: no pattern can repeat in two ways.
 */

/** Longer answers are compared as they are: no answer of a problem set comes near. */
const LONGEST_ANSWER = 2000;

type Rule = readonly [pattern: RegExp, replacement: string];

/** In this order; each is applied everywhere in the answer. */
const REWRITES: readonly Rule[] = [
  // Typesetting without meaning.
  [/\\!/g, ''],
  // Rows of a matrix stay apart.
  [/\\\\/g, ';'],
  [/\\(?:[,;: ]|quad(?![a-zA-Z])|qquad(?![a-zA-Z]))|~|\s/g, ' '],
  [/\\(?:displaystyle|textstyle|limits)(?![a-zA-Z])/g, ''],
  [/\\(?:left|right)(?![a-zA-Z])/g, ''],
  [/\\[dtc]frac(?![a-zA-Z])/g, '\\frac'],
  [/\\dbinom(?![a-zA-Z])/g, '\\binom'],
  [/\\[lr]vert(?![a-zA-Z])/g, '|'],
  [/\\varnothing(?![a-zA-Z])/g, '\\emptyset'],
  [/\u2212/g, '-'],
  [/π/g, '\\pi '],
  // Signs of quantity: degrees, money, percent.
  [/\^ ?(?:\{ ?\\circ ?\}|\\circ(?![a-zA-Z]))|°/g, ''],
  [/(\d) ?degrees?$/, '$1'],
  [/\\?[$%]/g, ''],
  // A unit behind a number is dropped, other text is kept without its font.
  [/([\d}]) *\\(?:text|mathrm|mbox) ?\{[^{}]*\} ?(?:\^ ?(?:\d|\{\d\}))? ?$/, '$1'],
  [/\\(?:color|textcolor) ?\{[^{}]*\}/g, ''],
  [/\\(?:text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|boldsymbol|operatorname|rm|bf)(?![a-zA-Z])/g, ''],
  // Numbers.
  [/\{,\}/g, ','],
  [/(\d) +(\d+) ?\/ ?(\d+)$/, '$1\\frac{$2}{$3}'],
  [/\\(?:cdot|times)(?![a-zA-Z])/g, '*'],
  [/ +/g, ''],
  [/^\+/, ''],
  [/([(,[{])\+/g, '$1'],
  [/(^|[^\d])\.(?=\d)/g, '$10.'],
  [/[.;\\]$/, ''],
  // Shorthand: \sqrt3, \frac12, \frac1{2}, \frac{1}2, x^2, sqrt(2), 2*\pi.
  [/(^|[^\\a-zA-Z])sqrt\(([^()]*)\)/g, '$1\\sqrt{$2}'],
  [/\\sqrt\[2\]/g, '\\sqrt'],
  [/\\sqrt([0-9a-zA-Z])/g, '\\sqrt{$1}'],
  [/\\frac([0-9a-zA-Z])/g, '\\frac{$1}'],
  [/(\\frac\{[^{}]*\})([0-9a-zA-Z])/g, '$1{$2}'],
  [/\^(\d+|[a-zA-Z])/g, '^{$1}'],
  [/_(\d|[a-zA-Z])/g, '_{$1}'],
  [/(^|[^\d])\*|\*(?!\d)/g, '$1'],
  [/(^|[^\d}])(\d+)\/(\d+)(?![\d.])/g, '$1\\frac{$2}{$3}'],
  [/\\frac\{-([^{}]*)\}/g, '-\\frac{$1}'],
  [/^(-?)\\frac(\{[^{}]*\})\{-([^{}]*)\}$/, '-$1\\frac$2{$3}'],
  [/^--/, ''],
];

/** The answer in one spelling of the many; idempotent for the answers it is meant for. */
export function normaliseAnswer(answer: string): string {
  if (answer.length > LONGEST_ANSWER) return answer.trim();
  let text = answer.trim();
  for (const [pattern, replacement] of REWRITES) text = text.replace(pattern, replacement);
  text = dropDoubleBraces(text);
  text = afterEquals(text);
  if (/^-?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(text)) text = text.replaceAll(',', '');
  if (/^\([a-zA-Z]\)$/.test(text)) text = text.charAt(1);
  return /^[a-zA-Z]{2,}$/.test(text) ? text.toLowerCase() : text;
}

/** Whether two answers are the same, by spelling or by value. */
export function sameAnswer(left: string, right: string): boolean {
  const a = normaliseAnswer(left);
  const b = normaliseAnswer(right);
  if (a === '' || b === '') return false;
  return a === b || sameElements(a, b);
}

function sameElements(a: string, b: string): boolean {
  const left = elementsOf(a);
  const right = elementsOf(b);
  if (left.brackets !== right.brackets || left.elements.length !== right.elements.length) return false;
  return left.elements.every((element, i) => element === right.elements[i] || sameValue(element, right.elements[i]));
}

/** Parts between the commas of the outermost level, and what encloses them: `(1,2]` gives ['1', '2'] and '(]'. */
function elementsOf(answer: string): { elements: string[]; brackets: string } {
  const enclosed = /^(\(|\[|\\?\{)(.*?)(\)|\]|\\?\})$/s.exec(answer);
  const [, open = '', inside = answer, close = ''] = enclosed ?? [];
  const elements = [''];
  let depth = 0;
  for (const character of inside) {
    if ('([{'.includes(character)) depth += 1;
    if (')]}'.includes(character)) depth -= 1;
    // `(0,1)U(2,3)` does not begin and end with one pair of brackets.
    if (depth < 0) return { elements: [answer], brackets: '' };
    if (character === ',' && depth === 0) elements.push('');
    else elements[elements.length - 1] += character;
  }
  return { elements, brackets: (open + close).replaceAll('\\', '') };
}

function sameValue(a: string, b: string): boolean {
  if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b)) return withoutLeadingZeros(a) === withoutLeadingZeros(b);
  const x = valueOf(a);
  const y = valueOf(b);
  return x !== undefined && y !== undefined && Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
}

function withoutLeadingZeros(integer: string): string {
  const stripped = integer.replace(/^(-?)0+(?=\d)/, '$1');
  return stripped === '-0' ? '0' : stripped;
}

/** Value of a normalised integer, decimal, fraction, mixed number or number with a power of ten; finite. */
function valueOf(text: string): number | undefined {
  const decimal = /^(-?\d+(?:\.\d*)?)(?:[eE](-?\d{1,3})|\*10\^\{(-?\d{1,3})\})?$/.exec(text);
  if (decimal !== null) return finite(Number(`${decimal[1]}e${decimal[2] ?? decimal[3] ?? '0'}`));
  const fraction = /^(-?)(\d*)\\frac\{(\d+(?:\.\d+)?)\}\{(\d+(?:\.\d+)?)\}$/.exec(text);
  if (fraction === null) return undefined;
  const [, sign = '', whole = '', numerator = '', denominator = ''] = fraction;
  const value = Number(whole === '' ? '0' : whole) + Number(numerator) / Number(denominator);
  return finite(sign === '-' ? -value : value);
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

/** `x=5` and `x\in[0,1]` are answers 5 and [0,1]: MATH drops a left side of at most two signs. */
function afterEquals(text: string): string {
  const sides = text.split('=');
  if (sides.length === 2 && sides[0].length <= 2) return sides[1];
  return text.replace(/^[a-zA-Z]\\in(?![a-zA-Z])/, '');
}

/** `{{x}}` becomes `{x}`, and braces around everything go. Escaped braces are no grouping. */
function dropDoubleBraces(text: string): string {
  const closing = new Map<number, number>();
  const open: number[] = [];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === '{') open.push(i);
    else if (text[i] === '}') {
      const start = open.pop();
      if (start !== undefined) closing.set(start, i);
    }
  }
  const dropped = new Set<number>();
  for (let i = 0; closing.get(i) === text.length - 1 - i; i++) dropped.add(i).add(text.length - 1 - i);
  for (const [start, end] of closing) {
    if (closing.get(start + 1) === end - 1) dropped.add(start).add(end);
  }
  return Array.from({ length: text.length }, (_, i) => (dropped.has(i) ? '' : text[i])).join('');
}
