/** Values of expressions, with numbers in the place of their symbols. */
import { createHash } from 'node:crypto';
import { Complex } from 'complex.js';
import { Fraction } from 'fraction.js';
import { integerAt, openStream, Purpose } from '../../algorithm/random.js';
import type { Budget } from './budget.js';
import { some, type Expression } from './expression.js';
import { OPERATORS } from './operators.js';
import { isExact, rounded, type Value } from './value.js';

const CONSTANTS: Readonly<Record<string, Complex>> = {
  pi: new Complex(Math.PI, 0),
  e: new Complex(Math.E, 0),
  i: new Complex(0, 1),
};

/** Functions that are another one here than there: points of both signs and of every size are asked. */
const STEPS = new Set(['abs', 'floor', 'ceiling']);
const TO_WHOLE = new Set(['floor', 'ceiling']);

/** Where what is rounded takes its steps: small integers, and powers of 2 and 10 with those beside them. */
export const WHOLE_NUMBERS: readonly number[] = [
  ...Array.from({ length: 60 }, (_, i) => i + 1),
  ...[...powers(2, 6, 20), ...powers(10, 2, 6)].flatMap((power) => [power - 1, power, power + 1]),
];

function powers(base: number, least: number, most: number): number[] {
  return Array.from({ length: most - least + 1 }, (_, i) => base ** (least + i));
}

const FOLDED = new Set(['add', 'multiply']);

function finite(value: Value): Value | undefined {
  return isExact(value) || value.isFinite() ? value : undefined;
}

/** Numbers of more than 256 and 1024 bits cost more than one step. */
function stepsFor(value: Value): number {
  if (!isExact(value)) return 1;
  const larger = value.n > value.d ? value.n : value.d;
  return larger < 1n << 256n ? 1 : larger < 1n << 1024n ? 100 : 1000;
}

/** A letter that stands for no number of its own. */
export function isVariable(part: Expression): boolean {
  return part.kind === 'symbol' && !Object.hasOwn(CONSTANTS, part.name);
}

export function hasSymbols(expression: Expression): boolean {
  return some(expression, isVariable);
}

/** Whether it holds a number that may be rounded. */
export function isDecimal(expression: Expression): boolean {
  return some(expression, (part) => part.kind === 'number' && part.decimal);
}

export function tellsSteps(...expressions: readonly Expression[]): boolean {
  return expressions.some((one) => applies(one, STEPS));
}

export function rounds(...expressions: readonly Expression[]): boolean {
  return expressions.some((one) => applies(one, TO_WHOLE));
}

function applies(expression: Expression, operators: ReadonlySet<string>): boolean {
  return some(expression, (part) => part.kind === 'apply' && operators.has(part.operator));
}

/** Where expressions are evaluated: each symbol has one value there, the same in every expression and every process. */
export interface Point {
  readonly index: number;
  /** Between 0 and 4; wide: of both signs, up to some thousands; whole: each symbol is one of `WHOLE_NUMBERS`. */
  readonly values: 'small' | 'wide' | 'whole';
}

/** @returns undefined where the expression has no finite value, or none that is found within the budget */
export function valueAt(expression: Expression, point: Point, budget: Budget): Value | undefined {
  const symbols = new Map<string, Fraction>();
  const symbol = (name: string): Fraction => {
    const value = symbols.get(name) ?? symbolAt(name, point);
    symbols.set(name, value);
    return value;
  };
  const evaluate = (part: Expression): Value | undefined => {
    if (part.kind === 'number') return part.value;
    if (part.kind === 'symbol') return CONSTANTS[part.name] ?? symbol(part.name);
    if (part.kind !== 'apply') return undefined;
    const operands: Value[] = [];
    for (const operand of part.operands) {
      const value = evaluate(operand);
      if (value === undefined) return undefined;
      // Sums and products step by step, so that each partial result is paid for.
      const partial = FOLDED.has(part.operator) ? operands.pop() : undefined;
      const next = partial === undefined ? value : OPERATORS[part.operator](partial, value);
      if (!budget.spend(stepsFor(next))) return undefined;
      operands.push(next);
    }
    const { operator } = part;
    if (FOLDED.has(operator)) return finite(operands[0]);
    const value = operator.startsWith('call ') ? called(operator, operands) : OPERATORS[operator]?.(...operands);
    return value && finite(value);
  };
  return evaluate(expression);
}

function symbolAt(name: string, { index, values }: Point): Fraction {
  if (values === 'whole') return new Fraction(WHOLE_NUMBERS[(index + hashOf(name)) % WHOLE_NUMBERS.length]);
  const random = openStream(hashOf(name), Purpose.verification, [index]);
  const value = new Fraction(2 * integerAt(random, 0, 2 ** 7) + 1, 2 ** 6);
  if (values === 'small') return value;
  const scaled = value.mul(4 ** index);
  return index % 2 === 0 ? scaled : scaled.neg();
}

/** An unknown function is some smooth function of its own. */
function called(name: string, operands: readonly Value[]): Complex {
  const random = openStream(hashOf(name), Purpose.verification);
  return operands.reduce<Complex>(
    (sum, operand, i) => {
      const [shift, scale] = [0, 1].map((k) => integerAt(random, 2 * i + k, 2 ** 16) / 2 ** 16);
      const z = rounded(operand);
      return sum
        .add(
          z
            .add(shift)
            .sin()
            .mul(1 + scale),
        )
        .add(z.mul(z).mul(scale));
    },
    new Complex(0, 0),
  );
}

function hashOf(name: string): number {
  return createHash('sha256').update(name).digest().readUInt32BE(0);
}
