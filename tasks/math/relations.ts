/** What equations and inequalities say about their variable. */
import { hasSymbols, isVariable } from './evaluate.js';
import { apply, identical, type Expression } from './expression.js';

export type Relation = Extract<Expression, { kind: 'relation' }>;

export function isEquation({ operators }: Relation): boolean {
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
export function answerOf({ sides }: Relation): Expression {
  const last = sides[sides.length - 1];
  return isName(last) && !isName(sides[0]) ? sides[0] : last;
}

/** What an assignment gives a value to. */
export function nameOf(one: Expression): Expression | undefined {
  if (one.kind !== 'relation' || !isEquation(one) || !isAssignment(one)) return undefined;
  return one.sides.find((side) => side !== answerOf(one));
}

/** `x = 5, y = 6`, where `x = 5, x = 6` are the values of one thing. */
export function nameSeveral(parts: readonly Expression[]): boolean {
  const [first, ...others] = parts.flatMap((part) => nameOf(part) ?? []);
  return others.some((other) => !identical(first, other));
}

/** Whether the equation gives a name to its right side (`x = 5`, `f(x) = …`, `(x, y) = (1, 2)`), and is no condition (`x + y = 5`). */
export function isDefinition({ sides }: Relation): boolean {
  return isAssignment({ kind: 'relation', operators: ['='], sides }) || sides.slice(0, -1).every(isNamed);
}

function isNamed(side: Expression): boolean {
  if (isName(side) || side.kind === 'text' || side.kind === 'number') return true;
  if (side.kind === 'sequence') return side.items.every(isNamed);
  return side.kind === 'apply' && (side.operator === 'multiply' ? side.operands.every(isNamed) : !hasSymbols(side));
}

export function difference({ sides: [left, right] }: Relation): Expression {
  return apply('add', left, apply('negate', right));
}

const TURNED: Readonly<Record<string, string>> = {
  ...{ '<': '>', '>': '<', '<=': '>=', '>=': '<=' },
  // Nobody writes these, and so `a \mid b` is not `b \mid a`.
  ...{ in: 'holds', '|': 'is divided by' },
};

/** Read from right to left. */
export function reversed({ operators, sides }: Relation): Relation {
  return {
    kind: 'relation',
    operators: operators.map((operator) => TURNED[operator] ?? operator).reverse(),
    sides: [...sides].reverse(),
  };
}

/** What a relation says that its variable is, or is in. */
export function saidBy(relation: Relation): Expression | undefined {
  if (isEquation(relation)) return answerOf(relation);
  const [left, right] = relation.sides;
  return isMembership(relation) ? (isBare(left) ? right : undefined) : intervalOf(relation);
}

function isMembership({ operators }: Relation): boolean {
  return operators.join() === 'in';
}

/** `x`, `f(x)`, `(x, y)`. */
function isBare(side: Expression): boolean {
  return side.kind === 'sequence' ? side.items.every(isBare) : isName(side);
}

/** The set that an inequality says its variable is in: `x > 3`, `1 < x \le 2`. */
function intervalOf(relation: Relation): Expression | undefined {
  const { operators, sides } = relation.operators.every((one) => one.startsWith('<')) ? relation : reversed(relation);
  if (!operators.every((operator) => operator.startsWith('<'))) return undefined;
  const at = sides.findIndex(isVariable);
  if (sides.length > 3 || at < 0 || (sides.length === 3 && at !== 1)) return undefined;
  const low = at > 0 ? sides[at - 1] : apply('negate', INFINITY);
  const high = at + 1 < sides.length ? sides[at + 1] : INFINITY;
  const open = at > 0 && operators[at - 1] === '<=' ? '[' : '(';
  const close = at + 1 < sides.length && operators[at] === '<=' ? ']' : ')';
  return { kind: 'sequence', brackets: open + close, items: [low, high] };
}

export function sameVariable(a: Relation, b: Relation): boolean {
  const [x, y] = [a, b].map((one) => (isMembership(one) ? one.sides[0] : one.sides.find(isVariable)));
  return x !== undefined && y !== undefined && identical(x, y);
}

export const INFINITY: Expression = { kind: 'symbol', name: '\\infty' };
