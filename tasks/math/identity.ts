/**
 * When are two quantities equal? Constants by their values: exactly where both are rational, to six decimals where one is
 * written with a decimal point. Expressions in symbols by their values at random points (Schwartz and Zippel), exactly where
 * those are rational. What is rounded is also asked at whole numbers, but takes steps that none of them may see:
 * `\lfloor (n+7)/2024 \rfloor` is taken for `\lfloor (n+6)/2024 \rfloor`.
 */
import type { Budget } from './budget.js';
import type { Expression } from './expression.js';
import { hasSymbols, isDecimal, rounds, tellsSteps, valueAt, WHOLE_NUMBERS, type Point } from './evaluate.js';
import { OPERATORS } from './operators.js';
import { isExact, isZero, rounded, type Value } from './value.js';

const POINTS = 10;
/** Of those, so many must have values on both sides; more than the most are not asked. */
const ENOUGH = 3;
const MOST = 6;
const ROUNDING = 1e-9;
const ROUNDED_ZERO = 1e-12;
const SIX_DECIMALS = 5.0001e-7;
/** Below it, six decimals would not tell numbers apart; six digits do. */
const SMALL = 1e-3;

export function sameQuantity(a: Expression, b: Expression, budget: Budget): boolean {
  if (!hasSymbols(a) && !hasSymbols(b)) {
    const [x, y] = [valueAt(a, CONSTANT, budget), valueAt(b, CONSTANT, budget)];
    if (x === undefined || y === undefined) return false;
    return isDecimal(a) || isDecimal(b) ? sameDecimal(x, y) : sameValue(x, y);
  }
  return agree(a, b, budget, sameValue);
}

/** Whether a is b, times a number that is the same everywhere: so are equations the same. */
export function proportional(a: Expression, b: Expression, budget: Budget): boolean {
  // Any two constants are.
  if (!hasSymbols(a) || !hasSymbols(b)) return false;
  let factor: Value | undefined;
  return agree(a, b, budget, (x, y) => {
    if (isZero(x) || isZero(y)) return isZero(x) && isZero(y);
    const ratio = OPERATORS.divide(x, y);
    factor ??= ratio;
    return sameValue(ratio, factor);
  });
}

const CONSTANT: Point = { index: 0, values: 'small' };

function agree(a: Expression, b: Expression, budget: Budget, same: (x: Value, y: Value) => boolean): boolean {
  const agreeAt = (values: Point['values'], points: number, most: number): number => {
    let found = 0;
    for (let index = 0; index < points && found < most; index += 1) {
      const x = valueAt(a, { index, values }, budget);
      const y = x && valueAt(b, { index, values }, budget);
      if (x === undefined || y === undefined) continue;
      if (!same(x, y)) return -1;
      found += 1;
    }
    return found;
  };
  if (agreeAt(tellsSteps(a, b) ? 'wide' : 'small', POINTS, MOST) < ENOUGH) return false;
  if (!rounds(a, b)) return true;
  // Behind the end of the budget no value is found, and none is different.
  return agreeAt('whole', WHOLE_NUMBERS.length, Infinity) >= ENOUGH && budget.spend(1);
}

function sameValue(x: Value, y: Value): boolean {
  if (isExact(x) && isExact(y)) return x.equals(y);
  // What is zero but for rounding; an exact number is not.
  if (isZero(x) && isZero(y)) return true;
  if (isZero(x) || isZero(y)) return !isExact(isZero(x) ? y : x) && distance(x, y).apart <= ROUNDED_ZERO;
  const { apart, size } = distance(x, y);
  return apart <= ROUNDING * size;
}

function sameDecimal(x: Value, y: Value): boolean {
  if (isExact(x) && isExact(y) && x.equals(y)) return true;
  const { apart, size } = distance(x, y);
  return apart <= (size < SMALL ? 1e-6 * size : SIX_DECIMALS);
}

function distance(x: Value, y: Value): { apart: number; size: number } {
  const [a, b] = [rounded(x), rounded(y)];
  const size = Math.max(a.abs(), b.abs());
  if (isExact(x) && isExact(y)) return { apart: x.sub(y).abs().valueOf(), size };
  if (!a.isFinite() || !b.isFinite()) return { apart: Infinity, size: 0 };
  return { apart: a.sub(b).abs(), size };
}
