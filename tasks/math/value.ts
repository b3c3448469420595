/** Numbers: exact while they are rational and of sensible size, else complex doubles. */
import { Complex } from 'complex.js';
import { Fraction } from 'fraction.js';

export type Value = Fraction | Complex;

/** Beyond it a rational number is rounded, so that no power or sum can grow without end. */
const LARGEST = 1n << 4096n;

export function isExact(value: Value): value is Fraction {
  return value instanceof Fraction;
}

/** The number as a complex double; infinite where it is too large. */
export function rounded(value: Value): Complex {
  return isExact(value) ? new Complex(value.valueOf(), 0) : value;
}

/** The rational number, or its double where numerator or denominator are too large to go on with. */
export function bounded(value: Fraction): Value {
  return value.n < LARGEST && value.d < LARGEST ? value : rounded(value);
}

/** @returns the integer; undefined for other numbers and for large ones */
export function smallInteger(value: Value, largest: number): number | undefined {
  if (!isExact(value) || value.d !== 1n || value.n > BigInt(largest)) return undefined;
  return Number(value.s * value.n);
}

export function isZero(value: Value): boolean {
  return isExact(value) ? value.n === 0n : value.isZero();
}
