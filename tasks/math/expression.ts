/** What an answer says, read from its LaTeX. */
import type { Fraction } from 'fraction.js';

export type Expression =
  /** `decimal`: written with a decimal point or a power of ten, so it may be rounded. */
  | { readonly kind: 'number'; readonly value: Fraction; readonly decimal: boolean }
  | { readonly kind: 'symbol'; readonly name: string }
  /** Words: an answer in prose, or a unit that stands alone. */
  | { readonly kind: 'text'; readonly words: string }
  | { readonly kind: 'apply'; readonly operator: string; readonly operands: readonly Expression[] }
  /** Parts between commas. `brackets`: '' a list, '{}' a set, '()' a tuple or an open interval, '[)' … */
  | { readonly kind: 'sequence'; readonly brackets: string; readonly items: readonly Expression[] }
  | { readonly kind: 'matrix'; readonly rows: readonly (readonly Expression[])[] }
  /** `sides[0] operators[0] sides[1] operators[1] …` */
  | { readonly kind: 'relation'; readonly operators: readonly string[]; readonly sides: readonly Expression[] };

export function apply(operator: string, ...operands: Expression[]): Expression {
  return { kind: 'apply', operator, operands };
}

/** The direct parts of an expression. */
function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'apply':
      return expression.operands;
    case 'sequence':
      return expression.items;
    case 'matrix':
      return expression.rows.flat();
    case 'relation':
      return expression.sides;
    default:
      return [];
  }
}

/** Whether two expressions are built alike. */
export function identical(a: Expression, b: Expression): boolean {
  const [x, y] = [partsOf(a), partsOf(b)];
  return labelOf(a) === labelOf(b) && x.length === y.length && x.every((part, i) => identical(part, y[i]));
}

/** What an expression is, but for its parts. */
function labelOf(expression: Expression): string {
  switch (expression.kind) {
    case 'number':
      return `number ${expression.value.toFraction()} ${expression.decimal}`;
    case 'symbol':
      return `symbol ${expression.name}`;
    case 'text':
      return `text ${expression.words}`;
    case 'apply':
      return `apply ${expression.operator}`;
    case 'sequence':
      return `sequence ${expression.brackets}`;
    case 'matrix':
      return `matrix ${expression.rows.map(({ length }) => length).join()}`;
    case 'relation':
      return `relation ${expression.operators.join()}`;
  }
}

/** Whether it holds of the expression or of any part of it. */
export function some(expression: Expression, holds: (part: Expression) => boolean): boolean {
  return holds(expression) || partsOf(expression).some((part) => some(part, holds));
}

/** The same with other parts. */
export function mapParts(expression: Expression, map: (part: Expression) => Expression): Expression {
  switch (expression.kind) {
    case 'apply':
      return { ...expression, operands: expression.operands.map(map) };
    case 'sequence':
      return { ...expression, items: expression.items.map(map) };
    case 'matrix':
      return { ...expression, rows: expression.rows.map((row) => row.map(map)) };
    case 'relation':
      return { ...expression, sides: expression.sides.map(map) };
    default:
      return expression;
  }
}
