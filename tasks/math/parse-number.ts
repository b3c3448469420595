/** Numbers: decimals, groups of three digits, mixed and repeating ones. */
import { Fraction } from 'fraction.js';
import { Cursor, NotUnderstood } from './cursor.js';
import { apply, type Expression } from './expression.js';
import type { Token } from './tokens.js';

const LARGEST_EXPONENT = 5000;

export abstract class NumberParser extends Cursor {
  protected abstract argument(): Expression;

  /** An integer with a fraction behind it is a mixed number. */
  protected number(): Expression {
    const whole = this.literal();
    const [first, second, third] = this.tokens.slice(this.at, this.at + 3);
    if (whole.kind !== 'number' || whole.decimal) return whole;
    const isInteger = (token?: Token): boolean => token?.kind === 'number' && /^\d+$/.test(token.value);
    if (first.kind === 'number' && first.spaced && isInteger(first) && second.value === '/' && isInteger(third)) {
      this.at += 3;
      return apply('add', whole, apply('divide', integer(Number(first.value)), integer(Number(third.value))));
    }
    if (first.kind !== 'command' || first.value !== 'frac' || !this.#isFractionOfNumbers()) return whole;
    this.at += 1;
    return apply('add', whole, apply('divide', this.argument(), this.argument()));
  }

  /** Looks ahead, and reads nothing twice: fractions in fractions would take a time without end. */
  #isFractionOfNumbers(): boolean {
    let at = this.at + 1;
    for (const last of [false, true]) {
      const [first, second, third] = this.tokens.slice(at, at + 3);
      if (first.kind === 'number') {
        if (last || /^\d\d/.test(first.value)) return true;
        at += 1;
      } else if (first.value === '{' && second?.kind === 'number' && third?.value === '}') at += 3;
      else return false;
    }
    return true;
  }

  protected literal(): Expression {
    let { value } = this.tokens[this.at++];
    if (this.reading.thousands && /^\d{1,3}$/.test(value)) {
      while (this.is('sign', ',') && this.isThousands(this.tokens[this.at + 1])) {
        value += this.tokens[this.at + 1].value;
        this.at += 2;
      }
    }
    const [digits, exponent = '0'] = value.split(/[eE]/);
    // `\sqrt4e5` was cut in the middle of a number.
    if (!/\d/.test(digits) || Math.abs(Number(exponent)) > LARGEST_EXPONENT) throw new NotUnderstood();
    let number = new Fraction(digits.replace(/\.$/, ''));
    const repeating = /\./.test(digits) && this.is('command', 'overline') && this.repeating();
    if (repeating) number = new Fraction(`${digits}(${repeating})`);
    const power = new Fraction(10).pow(Number(exponent));
    return { kind: 'number', value: number.mul(power), decimal: !repeating && /[.eE]/.test(value) };
  }

  protected isThousands({ kind, value, spaced }: Token): boolean {
    return kind === 'number' && !spaced && /^\d{3}(?:\.\d*)?$/.test(value);
  }

  protected repeating(): string {
    this.at += 1;
    const digits = this.source().replace(/[{}]/g, '');
    if (!/^\d+$/.test(digits)) throw new NotUnderstood();
    return digits;
  }
}

export function integer(value: number): Expression {
  return { kind: 'number', value: new Fraction(value), decimal: false };
}
