/** When do two expressions say the same? Quantities by value, what is made of them part by part. */
import type { Budget } from './budget.js';
import { apply, identical, type Expression } from './expression.js';
import { proportional, sameQuantity } from './identity.js';
import { canBePaired } from './matching.js';
import { integer } from './parse-number.js';
import {
  answerOf,
  difference,
  isDefinition,
  isEquation,
  nameOf,
  nameSeveral,
  reversed,
  saidBy,
  sameVariable,
  type Relation,
} from './relations.js';
import { withBothSigns } from './signs.js';
import { united } from './unions.js';

type Parts = readonly Expression[];

/** Larger collections are not compared. */
const MOST_PARTS = 64;

export class Comparison {
  constructor(private readonly budget: Budget) {}

  /**
   * Symmetric, but for one thing: to the truth 5, `x + y = 5` says it; to the truth `x + y = 5`, 5 does not.
   * @returns false where the budget is spent
   */
  same(answer: Expression, truth: Expression): boolean {
    if (!this.budget.spend(1)) return false;
    if (identical(answer, truth)) return true;
    const [a, b] = [answer, truth].map((one) => united(withBothSigns(one)));
    if (a.kind === 'relation' || b.kind === 'relation') return this.#sameRelation(a, b);
    if (isCollection(a) || isCollection(b)) return this.#sameInAnyOrder(this.#items(a), this.#items(b));
    if (a.kind === 'sequence' || b.kind === 'sequence' || a.kind === 'matrix' || b.kind === 'matrix')
      return this.#sameRows(a, b);
    if (a.kind === 'text' || b.kind === 'text') return a.kind === 'text' && b.kind === 'text' && a.words === b.words;
    if (a.kind === 'apply' && b.kind === 'apply' && a.operator === b.operator) {
      const special = this.#special(a.operator, a.operands, b.operands);
      if (special !== undefined) return special;
    }
    return this.#sameQuantity(a, b) || this.#samePercent(a, b) || this.#sameNumeral(a, b) || this.#sameRatio(a, b);
  }

  #sameQuantity(a: Expression, b: Expression): boolean {
    return sameQuantity(a, b, this.budget);
  }

  /** What a list or a set holds, with both signs of `\pm`, a set without repetitions. One thing alone is the list of it. */
  #items(one: Expression): Parts {
    if (one.kind !== 'sequence' || !isCollection(one)) return [one];
    const items = one.items.flatMap(signsOf);
    if (one.brackets === '' || items.length > MOST_PARTS) return items;
    return items.filter((item, i) => !items.slice(0, i).some((other) => this.same(item, other)));
  }

  #sameInAnyOrder(a: Parts, b: Parts): boolean {
    if (a.length !== b.length || a.length > MOST_PARTS) return false;
    const named = nameSeveral(a) && nameSeveral(b);
    return canBePaired(a.length, (i, j) => this.#samePart(a[i], b[j], named));
  }

  #sameInOrder(a: Parts, b: Parts): boolean {
    const named = nameSeveral(a) && nameSeveral(b);
    return a.length === b.length && a.every((part, i) => this.#samePart(part, b[i], named));
  }

  /** `x = 5` says 5, whatever it is called; but beside `y = 6` its name tells which is meant. */
  #samePart(a: Expression, b: Expression, named: boolean): boolean {
    const relations = a.kind === 'relation' && b.kind === 'relation';
    return named && relations && nameOf(a) && nameOf(b) ? this.#sayAlike(a, b) : this.same(a, b);
  }

  /** Tuples, intervals, vectors and matrices. */
  #sameRows(a: Expression, b: Expression): boolean {
    const [x, y] = [rowsOf(a), rowsOf(b)];
    if (!x || !y || x.brackets !== y.brackets || x.rows.length !== y.rows.length) return false;
    return x.rows.every((row, i) => this.#sameInOrder(row, y.rows[i]));
  }

  /** Of operators whose values are no numbers; undefined for others. */
  #special(operator: string, a: Parts, b: Parts): boolean | undefined {
    switch (operator) {
      case 'cup':
        return this.#sameInAnyOrder(a, b);
      case 'cap':
      case 'setminus':
      case 'backslash':
      case 'base':
        return this.#sameInOrder(a, b);
      case 'ratio':
        // By 0 all are multiples of each other.
        if ([...a, ...b].some((part) => this.#sameQuantity(part, ZERO))) return this.#sameInOrder(a, b);
        return a.length === b.length && a.every((part, i) => this.#sameQuantity(times(part, b[0]), times(b[i], a[0])));
      default:
        return undefined;
    }
  }

  /** A percentage is a number or a hundredth of it, where only one of the two says percent. */
  #samePercent(a: Expression, b: Expression): boolean {
    const [x, y] = [a, b].map((one) => operandOf('percent', one));
    if ((x === undefined) === (y === undefined)) return false;
    return this.#sameQuantity(apply('divide', (x ?? y)!, HUNDRED), x ? b : a);
  }

  /** A numeral is right without its base, which the problem says. */
  #sameNumeral(a: Expression, b: Expression): boolean {
    const [x, y] = [a, b].map((one) => operandOf('base', one));
    if ((x === undefined) === (y === undefined)) return false;
    return this.#sameQuantity((x ?? y)!, x ? b : a);
  }

  /** A ratio of two is a quotient. */
  #sameRatio(a: Expression, b: Expression): boolean {
    const [x, y] = [a, b].map(quotient);
    return (x !== a || y !== b) && this.#sameQuantity(x, y);
  }

  #sameRelation(a: Expression, b: Expression): boolean {
    if (a.kind !== 'relation') return b.kind === 'relation' && (!isEquation(b) || isDefinition(b)) && this.#says(b, a);
    if (b.kind !== 'relation') return this.#says(a, b);
    if (this.#sayAlike(a, b)) return true;
    if (isEquation(a) && isEquation(b))
      return this.#mayName(nameOf(a), nameOf(b)) && this.same(answerOf(a), answerOf(b));
    const [x, y] = [saidBy(a), saidBy(b)];
    return x !== undefined && y !== undefined && sameVariable(a, b) && this.same(x, y);
  }

  /** Whether both say the same of the same letters. */
  #sayAlike(a: Relation, b: Relation): boolean {
    if (this.#sameSides(a, b) || this.#sameSides(a, reversed(b))) return true;
    const equations = isEquation(a) && isEquation(b) && a.sides.length === 2 && b.sides.length === 2;
    return equations && proportional(difference(a), difference(b), this.budget);
  }

  /** Whether one thing may have both names: any two, but functions only of the same arguments. */
  #mayName(a: Expression | undefined, b: Expression | undefined): boolean {
    if (a?.kind === 'apply' && b?.kind === 'apply') return this.#sameInOrder(a.operands, b.operands);
    return a !== undefined && b !== undefined;
  }

  /** Whether the relation says that its variable is the other, or in it. */
  #says(relation: Relation, other: Expression): boolean {
    const said = saidBy(relation);
    return said !== undefined && this.same(said, other);
  }

  #sameSides(a: Relation, b: Relation): boolean {
    return a.operators.join() === b.operators.join() && this.#sameInOrder(a.sides, b.sides);
  }
}

function isCollection(expression: Expression): boolean {
  return expression.kind === 'sequence' && ['', '{}'].includes(expression.brackets);
}

function signsOf(item: Expression): Parts {
  const both = withBothSigns(item);
  return both !== item && both.kind === 'sequence' ? both.items : [item];
}

/** A tuple is a column. */
function rowsOf(one: Expression): { brackets: string; rows: readonly Parts[] } | undefined {
  if (one.kind === 'matrix') return { brackets: '()', rows: one.rows };
  return one.kind === 'sequence' ? { brackets: one.brackets, rows: one.items.map((item) => [item]) } : undefined;
}

function operandOf(operator: string, one: Expression): Expression | undefined {
  if (one.kind !== 'apply') return undefined;
  if (one.operator === operator) return one.operands[0];
  const inside = one.operator === 'negate' ? operandOf(operator, one.operands[0]) : undefined;
  return inside && apply('negate', inside);
}

function quotient(one: Expression): Expression {
  if (one.kind !== 'apply' || one.operator !== 'ratio' || one.operands.length !== 2) return one;
  return apply('divide', ...one.operands);
}

function times(a: Expression, b: Expression): Expression {
  return apply('multiply', a, b);
}

const HUNDRED = integer(100);
const ZERO = integer(0);
