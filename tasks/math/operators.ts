/** What the operators of an expression do with numbers. */
import { Complex } from 'complex.js';
import { Fraction } from 'fraction.js';
import { gamma } from './gamma.js';
import { bounded, isExact, isZero, rounded, smallInteger, type Value } from './value.js';

/** Exact powers and factorials end here. */
const LARGEST_POWER = 4096;
const LARGEST_FACTORIAL = 400;

type Operator = (...operands: Value[]) => Value;

/** Of one operand, on complex numbers. */
function complex(work: (z: Complex) => Complex): Operator {
  return (operand) => work(rounded(operand));
}

export const OPERATORS: Readonly<Record<string, Operator>> = {
  add: (...terms) => terms.reduce(add),
  multiply: (...factors) => factors.reduce(multiply),
  negate: (value) => value.neg(),
  divide: (a, b) => {
    if (isExact(a) && isExact(b) && !isZero(b)) return bounded(a.div(b));
    return rounded(a).div(rounded(b));
  },
  power,
  root: (value, degree) => {
    const odd = smallInteger(degree, LARGEST_POWER);
    const z = rounded(value);
    // The real root where there is one: the cube root of -8 is -2.
    if (odd !== undefined && odd % 2 !== 0 && z.im === 0 && z.re < 0)
      return z
        .neg()
        .pow(1 / odd)
        .neg();
    return odd === 2 ? z.sqrt() : power(z, OPERATORS.divide(new Fraction(1), degree));
  },
  abs: (value) => (isExact(value) ? value.abs() : new Complex(value.abs(), 0)),
  floor: (value) => (isExact(value) ? value.floor() : nearby(value, Math.floor)),
  ceiling: (value) => (isExact(value) ? value.ceil() : nearby(value, Math.ceil)),
  factorial,
  binomial: (n, k) => OPERATORS.divide(factorial(n), multiply(factorial(k), factorial(add(n, OPERATORS.negate(k))))),
  percent: (value) => value,
  exp: complex((z) => z.exp()),
  ln: complex((z) => z.log()),
  log: complex((z) => z.log()),
  lg: complex((z) => z.log().div(Math.LN10)),
  sin: complex((z) => z.sin()),
  cos: complex((z) => z.cos()),
  tan: complex((z) => z.tan()),
  cot: complex((z) => z.cot()),
  sec: complex((z) => z.sec()),
  csc: complex((z) => z.csc()),
  arcsin: complex((z) => z.asin()),
  arccos: complex((z) => z.acos()),
  arctan: complex((z) => z.atan()),
  sinh: complex((z) => z.sinh()),
  cosh: complex((z) => z.cosh()),
  tanh: complex((z) => z.tanh()),
};

function add(a: Value, b: Value): Value {
  return isExact(a) && isExact(b) ? bounded(a.add(b)) : rounded(a).add(rounded(b));
}

function multiply(a: Value, b: Value): Value {
  return isExact(a) && isExact(b) ? bounded(a.mul(b)) : rounded(a).mul(rounded(b));
}

function power(base: Value, exponent: Value): Value {
  const n = smallInteger(exponent, LARGEST_POWER);
  if (isExact(base) && n !== undefined && !(n <= 0 && isZero(base))) {
    const digits = (base.n > base.d ? base.n : base.d).toString(16).length;
    if (digits * Math.abs(n) <= LARGEST_POWER) return bounded(base.pow(n));
  }
  const z = rounded(base);
  if (n !== undefined && n !== 0) return byhalves(z, n);
  return z.pow(rounded(exponent));
}

/** z^n without logarithms, so that (x+1)^2 and x^2+2x+1 agree in all but the last digits. */
function byhalves(z: Complex, n: number): Complex {
  if (n < 0) return byhalves(z, -n).inverse();
  let result = new Complex(1, 0);
  for (let square = z, rest = n; rest > 0; rest = Math.floor(rest / 2), square = square.mul(square))
    if (rest % 2 === 1) result = result.mul(square);
  return result;
}

function factorial(value: Value): Value {
  const n = smallInteger(value, LARGEST_FACTORIAL);
  if (n === undefined) return gamma(rounded(value).add(1));
  let product = 1n;
  for (let i = 2; i <= n; i += 1) product *= BigInt(i);
  return n < 0 ? new Complex(NaN, 0) : bounded(new Fraction(product));
}

/** Rounds a real double that may lie a rounding error beside an integer. */
function nearby(value: Complex, round: (x: number) => number): Complex {
  const nearest = Math.round(value.re);
  const close = Math.abs(value.re - nearest) <= 1e-9 * Math.max(1, Math.abs(nearest));
  return new Complex(value.im === 0 ? (close ? nearest : round(value.re)) : NaN, 0);
}
