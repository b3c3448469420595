/**
 * Reads an answer's LaTeX. Recursive descent, each token once, nested to a limit: linear in the answer's length.
 *
 * Own, because the well-kept typed parser (`@cortex-js/compute-engine`) needs a newer Node than this project, and because answers
 * are written in a way of their own: `3\frac14` is a sum, `5 \text{ apples}` is 5, `1 or -2` is two answers.
 */
import { NotUnderstood, type Reading } from './cursor.js';
import { apply, type Expression } from './expression.js';
import { FactorParser } from './parse-factor.js';
import { isWord } from './letters.js';
import { tokensOf } from './tokens.js';
import { RELATIONS, SHORT_UNITS, WORDS } from './vocabulary.js';

/** @returns undefined for what is not understood */
export function parseAnswer(latex: string, reading: Reading): Expression | undefined {
  const tokens = tokensOf(latex);
  if (!tokens) return undefined;
  try {
    return new AnswerParser(tokens, reading).whole();
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

class AnswerParser extends FactorParser {
  whole(): Expression {
    const items = this.list();
    if (this.next.kind !== 'end' || items.length === 0) throw new NotUnderstood();
    return items.length === 1 ? items[0] : { kind: 'sequence', brackets: '', items };
  }

  /** `1, 2 or 3`. Empty where it closes at once. */
  protected override list(): Expression[] {
    const items: Expression[] = [];
    if (!this.startsFactor() && !this.isSign() && !this.is('command', 'mid')) return items;
    do items.push(this.relation());
    while (this.separator());
    return items;
  }

  protected separator(): boolean {
    const comma = this.take('sign', ',') || this.take('sign', ';');
    const word = (this.next.kind === 'text' || this.next.kind === 'letters') && this.next.value.trim().toLowerCase();
    if (word !== 'or' && word !== 'and') return comma;
    this.at += 1;
    return true;
  }

  protected override relation(): Expression {
    const sides = [this.union()];
    const operators: string[] = [];
    for (let operator = this.relationSign(); operator !== undefined; operator = this.relationSign()) {
      operators.push(operator);
      sides.push(this.union());
    }
    return sides.length === 1 ? sides[0] : { kind: 'relation', operators, sides };
  }

  protected relationSign(): string | undefined {
    const { kind, value } = this.next;
    if ((kind !== 'sign' && kind !== 'command') || !Object.hasOwn(RELATIONS, value)) return undefined;
    this.at += 1;
    // `<=`, and `==` for `=`.
    const equals = kind === 'sign' && this.take('sign', '=');
    return RELATIONS[value] + (equals && value !== '=' ? '=' : '');
  }

  protected union(): Expression {
    let left = this.ratio();
    for (;;) {
      const { kind, value } = this.next;
      const command = kind === 'command' && ['cup', 'cap', 'setminus', 'backslash'].includes(value);
      if (!command && !(left.kind === 'sequence' && kind === 'letters' && value === 'U')) return left;
      this.at += 1;
      left = apply(command ? value : 'cup', left, this.ratio());
    }
  }

  protected ratio(): Expression {
    const parts = [this.sum()];
    while (this.take('sign', ':')) parts.push(this.sum());
    return parts.length === 1 ? parts[0] : apply('ratio', ...parts);
  }

  protected isSign(): boolean {
    return ['+', '-'].includes(this.next.value) || this.is('command', 'pm') || this.is('command', 'mp');
  }

  protected override sum(): Expression {
    const terms: Expression[] = [];
    // `--5` is 5.
    if (this.is('sign', '-') && this.tokens[this.at + 1].value === '-') this.at += 2;
    do {
      const sign = this.isSign() ? this.tokens[this.at++].value : '+';
      const term = this.product();
      terms.push(sign === '+' ? term : apply(SIGNS[sign], term));
    } while (this.isSign());
    const sum = terms.length === 1 ? terms[0] : apply('add', ...terms);
    if (this.take('command', 'over')) return apply('divide', sum, this.sum());
    return this.take('command', 'choose') ? apply('binomial', sum, this.sum()) : sum;
  }

  /** Factors side by side bind like a written sign of multiplication, or tighter. */
  protected product(): Expression {
    let left = this.factors(undefined);
    for (;;) {
      const { value } = this.next;
      if (this.take('sign', '/') || this.take('command', 'div')) {
        if (this.unit()) continue;
        const right = this.signed();
        left = apply('divide', left, this.reading.tight ? this.factors(right) : right);
      } else if (value === '*' || ['cdot', 'times', 'ast'].includes(value)) {
        this.at += 1;
        left = apply('multiply', left, this.signed());
      } else if (this.startsFactor() && left.kind !== 'sequence') {
        left = this.factors(left);
      } else return left;
    }
  }

  /** What stands side by side, behind the first of them where it was read already. */
  protected factors(first: Expression | undefined): Expression {
    const factors = first ? [first] : [this.factor()];
    while (this.startsFactor() && factors[0].kind !== 'sequence') {
      if (this.unit()) continue;
      // `10 000` is no product.
      if (this.next.kind === 'number' && this.tokens[this.at - 1].kind === 'number') throw new NotUnderstood();
      factors.push(this.factor());
    }
    if (factors.length > 1 && factors.some(({ kind }) => kind === 'sequence' || kind === 'text'))
      throw new NotUnderstood();
    // `(6,5) \text{ units}`
    if (factors[0].kind === 'sequence' && this.next.kind === 'text' && /^ [a-zA-Z ]+$/.test(this.next.value))
      this.unit();
    return factors.length === 1 ? factors[0] : apply('multiply', ...factors);
  }

  /** Reads over the unit behind a quantity, with its exponent. */
  protected unit(): boolean {
    const { kind, value, spaced } = this.next;
    // The end of a run of letters is no unit.
    if (kind === 'letters' && !spaced && this.tokens[this.at - 1].kind === 'letters') return false;
    if (kind === 'letters' ? !SHORT_UNITS.has(value) && !isWord(value) : kind !== 'text') return false;
    if (Object.hasOwn(WORDS, value) || /^(?:(?:or|and)\b|percent$)/i.test(value.trim())) return false;
    this.at += 1;
    if (this.take('sign', '^')) this.exponent();
    return true;
  }
}

const SIGNS: Readonly<Record<string, string>> = { '-': 'negate', pm: 'plusMinus', mp: 'minusPlus' };
