/**
 * The last expression of a text that has no box, for `answer: "anywhere"`.
 *
 * Authors' code: math-verify's reading of the whole text behind the last `</think>`. Ours, in the same order: what stands
 * behind the last word `answer` that has an expression close behind it, else the last expression. An expression is
 * mathematics between marks (`$…$`, `\[…\]`, `\(…\)`; several of them with commas, `and`, `or` between are one list), a
 * `\frac`, or numbers with signs of arithmetic between them. Words are none. Left out: its other anchors and priorities.
 */

/** An answer stands at the end. Also bounds what a hostile text costs. */
const LONGEST_TEXT = 10_000;
/** Characters between the word `answer` and what it is. */
const NEAR = 50;

const raw = String.raw;
const MARKED = [
  raw`\$\$(?<display>[^$]{1,2000})\$\$`,
  raw`(?<![\\\d])\$(?<inline>[^$\n]{1,2000})\$`,
  raw`\\\[(?<brackets>[^]{1,2000}?)\\\]`,
  raw`\\\((?<parentheses>[^\n]{1,2000}?)\\\)`,
];
const FRACTION = raw`-?\\frac\{[^{}]{1,100}\}\{[^{}]{1,100}\}`;
const NUMBER = raw`-?(?:\d[\d,]*(?<!,)(?:\.\d+)?|\.\d+)`;
/** Begins the text, or stands behind a blank or an equals sign: `XY2` holds no 2. */
const ARITHMETIC = raw`(?<=^|[\s=]|[\s=]\*\*|^\*\*)[$€£]?(?<plain>\(?${NUMBER}\)?(?: ?[-+*/^×÷] ?\(?${NUMBER}\)?)*)`;
const EXPRESSION = new RegExp(
  `(?:${[...MARKED, `(?<fraction>${FRACTION})`, ARITHMETIC].join('|')})(?<percent> ?\\\\?%)?`,
  'g',
);

/** Between the parts of a list. */
const SEPARATOR = /^\s*(?:,\s*(?:and|or)?|and|or)\s*$/;
const ANCHOR = /answer/gi;

interface Found {
  readonly start: number;
  readonly end: number;
  readonly latex: string;
  readonly marked: boolean;
}

/** @returns undefined where there is none */
export function lastExpression(text: string): string | undefined {
  const end = text.slice(-LONGEST_TEXT);
  const found = expressionsIn(end);
  const anchored = [...end.matchAll(ANCHOR)]
    .map(({ index }) => found.findIndex(({ start }) => start >= index && start <= index + 'answer'.length + NEAR))
    .findLast((first) => first >= 0);
  if (anchored !== undefined) return listFrom(end, found, anchored);
  let first = found.length - 1;
  while (first > 0 && areOneList(end, found[first - 1], found[first])) first -= 1;
  return first < 0 ? undefined : listFrom(end, found, first);
}

function expressionsIn(text: string): Found[] {
  return [...text.matchAll(EXPRESSION)].map(({ index, 0: all, groups = {} }) => {
    const { fraction, plain, percent = '', ...marks } = groups as Record<string, string | undefined>;
    const inside = Object.values(marks).find((content) => content !== undefined);
    const latex = (inside ?? fraction ?? plain)! + percent;
    return { start: index, end: index + all.length, latex, marked: inside !== undefined };
  });
}

/** The expression, with those that follow it as parts of one list. */
function listFrom(text: string, found: readonly Found[], first: number): string {
  let last = first;
  while (last + 1 < found.length && areOneList(text, found[last], found[last + 1])) last += 1;
  return found
    .slice(first, last + 1)
    .map(({ latex }) => latex)
    .join(', ');
}

function areOneList(text: string, one: Found, next: Found): boolean {
  return one.marked && next.marked && SEPARATOR.test(text.slice(one.end, next.start));
}
