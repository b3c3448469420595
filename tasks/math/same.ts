/** When do two expressions say the same? Quantities by value, what is made of them part by part. */
import { Fraction } from 'fraction.js';
import { apply, mapParts, some, type Expression } from './expression.js';
import { proportional, sameQuantity } from './identity.js';

type Relation = Extract<Expression, { kind: 'relation' }>;

/** More parts, or ways to choose signs, are not compared. */
const MOST_PARTS = 64;

/** Symmetric. */
export function sameExpression(left: Expression, right: Expression): boolean {
  const a = simplified(left);
  const b = simplified(right);
  if (a.kind === 'relation' || b.kind === 'relation') return sameRelation(a, b);
  if (isCollection(a) || isCollection(b)) return sameCollection(a, b);
  if (a.kind === 'sequence' || b.kind === 'sequence' || a.kind === 'matrix' || b.kind === 'matrix')
    return sameRows(a, b);
  if (a.kind === 'text' || b.kind === 'text') return a.kind === 'text' && b.kind === 'text' && a.words === b.words;
  if (a.kind === 'apply' && b.kind === 'apply' && a.operator === b.operator && Object.hasOwn(SPECIAL, a.operator))
    return SPECIAL[a.operator](a.operands, b.operands);
  return sameQuantity(a, b) || samePercent(a, b) || sameNumeral(a, b);
}

/** Gives `\pm` both signs, `x \in A` and `x > 3` their sets. */
function simplified(expression: Expression): Expression {
  const one = withBothSigns(expression);
  if (one.kind !== 'relation') return one;
  if (one.operators.length === 1 && one.operators[0] === 'in') return simplified(one.sides[1]);
  return one;
}

function isCollection(expression: Expression): boolean {
  return expression.kind === 'sequence' && ['', '{}'].includes(expression.brackets);
}

/** Lists and sets: in any order. One thing alone is the list of it. */
function sameCollection(a: Expression, b: Expression): boolean {
  const [x, y] = [a, b].map(distinct);
  return sameInAnyOrder(x, y);
}

function distinct(one: Expression): Expression[] {
  const collection = one.kind === 'sequence' && isCollection(one) ? one.items : [one];
  const items = collection.flatMap(signsOf);
  if (items.length > MOST_PARTS) return items;
  return items.filter((item, i) => !items.slice(0, i).some((other) => sameExpression(item, other)));
}

function signsOf(item: Expression): readonly Expression[] {
  const both = withBothSigns(item);
  return both !== item && both.kind === 'sequence' ? both.items : [item];
}

function sameInAnyOrder(a: readonly Expression[], b: readonly Expression[]): boolean {
  if (a.length !== b.length || a.length > MOST_PARTS) return false;
  const left = [...b];
  return a.every((part) => {
    const at = left.findIndex((other) => sameExpression(part, other));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

/** Tuples, intervals, vectors and matrices: part by part, in order. */
function sameRows(a: Expression, b: Expression): boolean {
  const [x, y] = [rowsOf(a), rowsOf(b)];
  return (
    x !== undefined &&
    y !== undefined &&
    x.brackets === y.brackets &&
    x.rows.length === y.rows.length &&
    x.rows.every((row, i) => row.length === y.rows[i].length && sameInOrder(row, y.rows[i]))
  );
}

/** A tuple is a column. */
function rowsOf(one: Expression): { brackets: string; rows: readonly (readonly Expression[])[] } | undefined {
  if (one.kind === 'matrix') return { brackets: '()', rows: one.rows };
  return one.kind === 'sequence' ? { brackets: one.brackets, rows: one.items.map((item) => [item]) } : undefined;
}

function sameInOrder(a: readonly Expression[], b: readonly Expression[]): boolean {
  return a.length === b.length && a.every((part, i) => sameExpression(part, b[i]));
}

/** Operators whose values are no numbers. */
const SPECIAL: Readonly<Record<string, (a: readonly Expression[], b: readonly Expression[]) => boolean>> = {
  cup: (a, b) => sameInAnyOrder(unioned(a), unioned(b)),
  cap: sameInOrder,
  setminus: sameInOrder,
  backslash: sameInOrder,
  base: ([x, base], [y, other]) => sameExpression(x, y) && sameExpression(base, other),
  ratio: (a, b) => a.length === b.length && a.every((part, i) => sameQuantity(cross(part, b[0]), cross(b[i], a[0]))),
};

function cross(a: Expression, b: Expression): Expression {
  return apply('multiply', a, b);
}

function unioned(parts: readonly Expression[]): Expression[] {
  return parts.flatMap((part) => (part.kind === 'apply' && part.operator === 'cup' ? unioned(part.operands) : [part]));
}

/** A percentage is a number or a hundredth of it, where only one of the two says percent. */
function samePercent(a: Expression, b: Expression): boolean {
  const [x, y] = [a, b].map((one) =>
    one.kind === 'apply' && one.operator === 'percent' ? one.operands[0] : undefined,
  );
  if ((x === undefined) === (y === undefined)) return false;
  const hundredth = { kind: 'apply', operator: 'divide', operands: [(x ?? y)!, HUNDRED] } as const;
  return sameQuantity(hundredth, x ? b : a);
}

/** A numeral is right without its base, which the problem says; two ratios are. */
function sameNumeral(a: Expression, b: Expression): boolean {
  const [x, y] = [a, b].map((one) => (one.kind === 'apply' && one.operator === 'base' ? one.operands[0] : one));
  if ((x === a) !== (y === b)) return sameQuantity(x, y);
  const [p, q] = [a, b].map(quotient);
  return (p !== a || q !== b) && sameQuantity(p, q);
}

function quotient(one: Expression): Expression {
  return one.kind === 'apply' && one.operator === 'ratio' && one.operands.length === 2
    ? apply('divide', ...one.operands)
    : one;
}

function sameRelation(a: Expression, b: Expression): boolean {
  if (a.kind !== 'relation' || b.kind !== 'relation') {
    const relation = (a.kind === 'relation' ? a : b) as Relation;
    const other = a.kind === 'relation' ? b : a;
    const said = isEquation(relation) ? answerOf(relation) : intervalOf(relation);
    return said !== undefined && sameExpression(said, other);
  }
  const turned = reversed(b);
  if (sameSides(a, b) || sameSides(a, turned)) return true;
  if (!isEquation(a) || !isEquation(b)) {
    const [x, y] = [intervalOf(a), intervalOf(b)];
    return x !== undefined && y !== undefined && sameVariable(a, b) && sameExpression(x, y);
  }
  if (isAssignment(a) && isAssignment(b)) return sameExpression(answerOf(a), answerOf(b));
  return a.sides.length === 2 && b.sides.length === 2 && proportional(difference(a), difference(b));
}

function sameSides(a: Relation, b: Relation): boolean {
  return a.operators.join() === b.operators.join() && sameInOrder(a.sides, b.sides);
}

function isEquation({ operators }: Relation): boolean {
  return operators.every((operator) => operator === '=');
}

/** `x = 5`, `f(x) = …`, `5 = x`. */
function isAssignment({ sides }: Relation): boolean {
  return sides.length === 2 && sides.some(isName);
}

function isName(side: Expression): boolean {
  return side.kind === 'symbol' || (side.kind === 'apply' && side.operator.startsWith('call '));
}

/** What an equation says the answer is: its right side, unless only the left one is more than a name. */
function answerOf({ sides }: Relation): Expression {
  const last = sides[sides.length - 1];
  return isName(last) && !isName(sides[0]) ? sides[0] : last;
}

function difference({ sides: [left, right] }: Relation): Expression {
  return apply('add', left, apply('negate', right));
}

const TURNED: Readonly<Record<string, string>> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=' };

function reversed({ operators, sides }: Relation): Relation {
  return {
    kind: 'relation',
    operators: operators.map((operator) => TURNED[operator] ?? operator).reverse(),
    sides: [...sides].reverse(),
  };
}

/** The set that an inequality says its variable is in: `x > 3`, `1 < x \le 2`. */
function intervalOf(relation: Relation): Expression | undefined {
  const { operators, sides } = operatorsOf(relation).every((one) => one.startsWith('<'))
    ? relation
    : reversed(relation);
  if (!operators.every((operator) => operator.startsWith('<'))) return undefined;
  const at = sides.findIndex((side) => side.kind === 'symbol');
  if (sides.length > 3 || at < 0 || (sides.length === 3 && at !== 1)) return undefined;
  const low = at > 0 ? sides[at - 1] : apply('negate', INFINITY);
  const high = at + 1 < sides.length ? sides[at + 1] : INFINITY;
  const open = at > 0 && operators[at - 1] === '<=' ? '[' : '(';
  const close = at + 1 < sides.length && operators[at] === '<=' ? ']' : ')';
  return { kind: 'sequence', brackets: open + close, items: [low, high] };
}

function operatorsOf({ operators }: Relation): readonly string[] {
  return operators;
}

function sameVariable(a: Relation, b: Relation): boolean {
  const [x, y] = [a, b].map(({ sides }) => sides.find((side) => side.kind === 'symbol'));
  return x?.kind === 'symbol' && y?.kind === 'symbol' && x.name === y.name;
}

function isPlusMinus(part: Expression): part is Extract<Expression, { kind: 'apply' }> {
  return part.kind === 'apply' && (part.operator === 'plusMinus' || part.operator === 'minusPlus');
}

/** `2 \pm \sqrt{3}` is a list of two. */
function withBothSigns(one: Expression): Expression {
  if (one.kind === 'sequence' || one.kind === 'relation' || !some(one, isPlusMinus)) return one;
  const choose = (upper: boolean): Expression => {
    const sign = (part: Expression): Expression => {
      const chosen = mapParts(part, sign);
      if (!isPlusMinus(chosen)) return chosen;
      return (chosen.operator === 'plusMinus') === upper ? chosen.operands[0] : apply('negate', chosen.operands[0]);
    };
    return sign(one);
  };
  return { kind: 'sequence', brackets: '', items: [choose(true), choose(false)] };
}

const HUNDRED: Expression = { kind: 'number', value: new Fraction(100), decimal: false };
const INFINITY: Expression = { kind: 'symbol', name: '\\infty' };
