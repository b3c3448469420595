/** Letters and words, with what is written behind them. */
import { NotUnderstood } from './cursor.js';
import { apply, type Expression } from './expression.js';

/** A run of letters that is no product. */
export function isWord(letters: string): boolean {
  return letters.length >= 4 && /[aeiouy]/i.test(letters);
}

export function isOne(expression: Expression): boolean {
  return expression.kind === 'number' && expression.value.equals(1);
}

/** A letter with a subscript is another symbol; a number with one is a numeral in that base. */
export function withSubscript(of: Expression, subscript: string): Expression {
  const inside = subscript.replace(/^\{|\}$/g, '');
  if (of.kind === 'number') return apply('base', of, { kind: 'symbol', name: inside });
  return withMark(of, `_${inside}`);
}

export function withMark(of: Expression, mark: string): Expression {
  // Minutes and seconds of an angle are units.
  if (of.kind === 'number' && mark.startsWith("'")) return of;
  if (of.kind !== 'symbol') throw new NotUnderstood();
  return { ...of, name: of.name + mark };
}
