/**
 * When are two written answers the same?
 *
 * Spec: equal after MATH-style normalisation, or symbolically, or for a general LaTeX verifier. Authors' code: string rewriting,
 * then sympy, then math-verify. Ours: one pass over both, by spelling without typesetting, else by what is said (`same.ts`).
 * Left out: sums, products, integrals and limits that are not worked out (compared by spelling), solution sets with parameters in
 * another form, units of different size (`1 m` is not `100 cm`), angles in other units.
 */
import { Budget } from './budget.js';
import type { Expression } from './expression.js';
import type { Reading } from './cursor.js';
import { parseAnswer } from './parse.js';
import { Comparison } from './same.js';
import { withoutTypesetting } from './typesetting.js';

/** Longer answers are compared as they are: no answer of a problem set comes near. */
const LONGEST_ANSWER = 2000;

/** Every answer that is not empty is the same as itself; symmetric, where the truth is no condition (`same.ts`) and no number. */
export function sameAnswer(answer: string, truth: string): boolean {
  const [written, other] = [answer.trim(), truth.trim()];
  if (written === other) return written !== '';
  if (Math.max(written.length, other.length) > LONGEST_ANSWER) return false;
  const b = withoutTypesetting(other);
  const a = withoutUnit(withoutTypesetting(written), b);
  if (spelling(a) === '' || spelling(b) === '') return false;
  if (spelling(a) === spelling(b)) return true;
  const comparison = new Comparison(new Budget());
  const readings = readingsOf(b);
  return readingsOf(a).some((one) => readings.some((other) => comparison.same(one, other)));
}

/** `12 m` is 12 metres where the truth holds no letter, else a product. */
function withoutUnit(answer: string, truth: string): string {
  return /[a-zA-Z]/.test(truth) ? answer : answer.replace(/^(-?[\d.,]+) [mgsh]$/, '$1');
}

/** What is compared letter by letter: no blanks, no font, and no difference between `East` and `east`. */
function spelling(answer: string): string {
  const bare = answer.replace(/\\text *\{([^{}]*)\}/g, '$1').replace(/\\text(?![a-zA-Z])| /g, '');
  return /^[a-zA-Z]{2,}$/.test(bare) ? bare.toLowerCase() : bare;
}

/** An answer in all the ways in which it can be read. */
function readingsOf(answer: string): Expression[] {
  const thousands = /\d,\d{3}(?!\d)/.test(answer) ? [false, true] : [false];
  const tight = answer.includes('/') ? [false, true] : [false];
  const readings = thousands.flatMap((thousands) => tight.map((tight): Reading => ({ thousands, tight })));
  return readings.flatMap((reading) => parseAnswer(answer, reading) ?? []);
}
