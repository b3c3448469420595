/**
 * Reads an answer's LaTeX. Recursive descent, each token once, nested at most DEEPEST times: linear in the answer's length.
 *
 * Own, because the well-kept typed parser (`@cortex-js/compute-engine`) needs a newer Node than this project, and because answers
 * are written in a way of their own: `3\frac14` is a sum, `5 \text{ apples}` is 5, `1 or -2` is two answers.
 */
import { Fraction } from 'fraction.js';
import { apply, type Expression } from './expression.js';
import { tokensOf, type Token } from './tokens.js';
import { ACCENTS, FUNCTIONS, RELATIONS, SHORT_UNITS, SYMBOLS, WORDS } from './vocabulary.js';

/** What can be read in two ways. */
export interface Reading {
  /** `1,234` is one number, not two. */
  readonly thousands: boolean;
  /** `1/2x` is 1/(2x), not x/2. */
  readonly tight: boolean;
}

const DEEPEST = 60;
const LARGEST_EXPONENT = 5000;

/** @returns undefined for what is not understood */
export function parseAnswer(latex: string, reading: Reading): Expression | undefined {
  const tokens = tokensOf(latex);
  if (!tokens) return undefined;
  try {
    return new Parser(tokens, reading).whole();
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}

class NotUnderstood extends Error {}

class Parser {
  #at = 0;
  #depth = 0;
  /** Inside `|…|`, where a bar closes. */
  #bars = 0;

  constructor(
    private readonly tokens: Token[],
    private readonly reading: Reading,
  ) {}

  whole(): Expression {
    const items = this.#list();
    if (this.#next.kind !== 'end' || items.length === 0) throw new NotUnderstood();
    return items.length === 1 ? items[0] : { kind: 'sequence', brackets: '', items };
  }

  get #next(): Token {
    return this.tokens[this.#at];
  }

  #is(kind: Token['kind'], value: string): boolean {
    return this.#next.kind === kind && this.#next.value === value;
  }

  #take(kind: Token['kind'], value: string): boolean {
    const found = this.#is(kind, value);
    if (found) this.#at += 1;
    return found;
  }

  #expect(kind: Token['kind'], value: string): void {
    if (!this.#take(kind, value)) throw new NotUnderstood();
  }

  #nested<T>(work: () => T): T {
    if (++this.#depth > DEEPEST) throw new NotUnderstood();
    const result = work();
    this.#depth -= 1;
    return result;
  }

  /** `1, 2 or 3`. Empty where it closes at once. */
  #list(): Expression[] {
    const items: Expression[] = [];
    if (!this.#startsFactor() && !this.#isSign()) return items;
    do items.push(this.#relation());
    while (this.#separator());
    return items;
  }

  #separator(): boolean {
    const comma = this.#take('sign', ',') || this.#take('sign', ';');
    const word = (this.#next.kind === 'text' || this.#next.kind === 'letters') && this.#next.value.trim().toLowerCase();
    if (word !== 'or' && word !== 'and') return comma;
    this.#at += 1;
    return true;
  }

  #relation(): Expression {
    const sides = [this.#union()];
    const operators: string[] = [];
    for (let operator = this.#relationSign(); operator !== undefined; operator = this.#relationSign()) {
      operators.push(operator);
      sides.push(this.#union());
    }
    return sides.length === 1 ? sides[0] : { kind: 'relation', operators, sides };
  }

  #relationSign(): string | undefined {
    const { kind, value } = this.#next;
    if ((kind !== 'sign' && kind !== 'command') || !Object.hasOwn(RELATIONS, value)) return undefined;
    this.#at += 1;
    const or = (value === '<' || value === '>') && this.#take('sign', '=') ? '=' : '';
    return RELATIONS[value] + or;
  }

  #union(): Expression {
    let left = this.#ratio();
    for (;;) {
      const { kind, value } = this.#next;
      const command = kind === 'command' && ['cup', 'cap', 'setminus', 'backslash'].includes(value);
      if (!command && !(left.kind === 'sequence' && kind === 'letters' && value === 'U')) return left;
      this.#at += 1;
      left = apply(command ? value : 'cup', left, this.#ratio());
    }
  }

  #ratio(): Expression {
    const parts = [this.#sum()];
    while (this.#take('sign', ':')) parts.push(this.#sum());
    return parts.length === 1 ? parts[0] : apply('ratio', ...parts);
  }

  #isSign(): boolean {
    return ['+', '-'].includes(this.#next.value) || this.#is('command', 'pm') || this.#is('command', 'mp');
  }

  #sum(): Expression {
    const terms: Expression[] = [];
    do {
      const sign = this.#isSign() ? this.tokens[this.#at++].value : '+';
      const term = this.#product();
      terms.push(sign === '+' ? term : apply(SIGNS[sign], term));
    } while (this.#isSign());
    return terms.length === 1 ? terms[0] : apply('add', ...terms);
  }

  /** Factors side by side bind like a written sign of multiplication, or tighter. */
  #product(): Expression {
    let left = this.#factors(undefined);
    for (;;) {
      const { value } = this.#next;
      if (this.#take('sign', '/') || this.#take('command', 'div')) {
        if (this.#unit()) continue;
        const right = this.#signed();
        left = apply('divide', left, this.reading.tight ? this.#factors(right) : right);
      } else if (value === '*' || ['cdot', 'times', 'ast'].includes(value)) {
        this.#at += 1;
        left = apply('multiply', left, this.#signed());
      } else if (this.#startsFactor() && left.kind !== 'sequence') {
        left = this.#factors(left);
      } else return left;
    }
  }

  #signed(): Expression {
    if (this.#take('sign', '-')) return apply('negate', this.#factor());
    this.#take('sign', '+');
    return this.#factor();
  }

  /** What stands side by side, behind the first of them where it was read already. */
  #factors(first: Expression | undefined): Expression {
    const factors = first ? [first] : [this.#factor()];
    while (this.#startsFactor() && factors[0].kind !== 'sequence') {
      if (this.#unit()) continue;
      // `10 000` is no product.
      if (this.#next.kind === 'number' && this.tokens[this.#at - 1].kind === 'number') throw new NotUnderstood();
      factors.push(this.#factor());
    }
    if (factors.length > 1 && factors.some(({ kind }) => kind === 'sequence' || kind === 'text'))
      throw new NotUnderstood();
    return factors.length === 1 ? factors[0] : apply('multiply', ...factors);
  }

  /** Reads over the unit behind a quantity, with its exponent. */
  #unit(): boolean {
    const { kind, value } = this.#next;
    if (kind === 'letters' ? !SHORT_UNITS.has(value) && !isWord(value) : kind !== 'text') return false;
    if (Object.hasOwn(WORDS, value) || /^(?:or|and|percent)$/i.test(value.trim())) return false;
    this.#at += 1;
    if (this.#take('sign', '^')) this.#exponent();
    return true;
  }

  #startsFactor(): boolean {
    const { kind, value } = this.#next;
    if (kind === 'number') return true;
    if (kind === 'letters') return !['or', 'and'].includes(value) && !(value === 'U' && this.#isBracket(this.#at + 1));
    if (kind === 'text') return !['or', 'and'].includes(value.trim().toLowerCase());
    if (kind === 'sign') return '([{'.includes(value) || (value === '|' && this.#bars === 0);
    return kind === 'command' && (SYMBOLS.has(value) || FUNCTIONS.has(value) || ACCENTS.has(value) || STARTS.has(value));
  }

  #isBracket(at: number): boolean {
    return this.tokens[at].value === '(' || this.tokens[at].value === '[';
  }

  #factor(): Expression {
    let factor = this.#nested(() => this.#atom());
    for (;;) {
      if (this.#take('sign', '!')) factor = apply('factorial', factor);
      else if (this.#take('sign', '^')) factor = this.#power(factor);
      else if (this.#take('sign', '_')) factor = withSubscript(factor, this.#source());
      else if (this.#take('sign', "'")) factor = withMark(factor, "'");
      else if (this.#take('command', 'percent') || this.#percentWord()) factor = apply('percent', factor);
      else if (this.#take('command', 'degrees')) {
        if (this.#is('letters', 'C') || this.#is('letters', 'F')) this.#at += 1;
      } else return factor;
    }
  }

  #percentWord(): boolean {
    const { kind, value } = this.#next;
    const found = (kind === 'letters' || kind === 'text') && value.trim().toLowerCase() === 'percent';
    if (found) this.#at += 1;
    return found;
  }

  #power(base: Expression): Expression {
    const prime = /^\{?(?:\\prime)+\}?$/.exec(this.#peekSource());
    if (!prime) return apply('power', base, this.#exponent());
    return withMark(base, "'".repeat(this.#source().split('\\prime').length - 1));
  }

  #exponent(): Expression {
    if (this.#take('sign', '-')) return apply('negate', this.#exponent());
    if (this.#next.kind === 'number') return this.#number();
    return this.#argument();
  }

  /** An argument in braces, or one character. */
  #argument(): Expression {
    return this.#nested(() => {
      const { kind, value } = this.#next;
      if (value.length > 1 && (kind === 'number' || kind === 'letters')) {
        const first: Token = { kind, value: value[0], spaced: false };
        this.tokens.splice(this.#at, 1, first, { kind, value: value.slice(1), spaced: false });
        return kind === 'number' ? this.#literal() : this.#atom();
      }
      return this.#atom();
    });
  }

  #atom(): Expression {
    const { kind, value } = this.#next;
    if (kind === 'number') return this.#number();
    if (kind === 'letters') return this.#letters();
    if (kind === 'text') return this.#text();
    this.#at += 1;
    if (kind === 'sign') {
      if (value === '(' || value === '[') return this.#bracketed(value);
      if (value === '{') return this.#group();
      if (value === '|') return this.#absolute();
    }
    if (kind !== 'command') throw new NotUnderstood();
    return this.#command(value);
  }

  #command(name: string): Expression {
    if (FUNCTIONS.has(name)) return this.#function(name);
    if (SYMBOLS.has(name)) return { kind: 'symbol', name: name === 'pi' ? 'pi' : `\\${name}` };
    if (ACCENTS.has(name)) return { kind: 'symbol', name: `\\${name}{${this.#source().replace(/^\{|\}$/g, '')}}` };
    switch (name) {
      case 'frac':
        return apply('divide', this.#argument(), this.#argument());
      case 'binom':
        return apply('binomial', this.#argument(), this.#argument());
      case 'sqrt':
        return this.#root();
      case '{':
      case 'lbrace':
        return this.#set();
      case 'emptyset':
      case 'varnothing':
        return { kind: 'sequence', brackets: '{}', items: [] };
      case 'lvert':
        return this.#enclosed('rvert', 'abs');
      case 'vert':
        return this.#absolute();
      case 'lfloor':
        return this.#enclosed('rfloor', 'floor');
      case 'lceil':
        return this.#enclosed('rceil', 'ceiling');
      case 'langle': {
        const items = this.#list();
        this.#expect('command', 'rangle');
        return { kind: 'sequence', brackets: '()', items };
      }
      case 'begin':
        return this.#matrix();
      case 'text':
        return this.#argument();
      default:
        throw new NotUnderstood();
    }
  }

  #enclosed(close: string, operator: string): Expression {
    const inside = this.#sum();
    this.#expect('command', close);
    return apply(operator, inside);
  }

  #absolute(): Expression {
    this.#bars += 1;
    const inside = this.#sum();
    if (!this.#take('sign', '|')) this.#expect('command', 'vert');
    this.#bars -= 1;
    return apply('abs', inside);
  }

  #root(): Expression {
    if (!this.#take('sign', '[')) return apply('root', this.#argument(), integer(2));
    const degree = this.#sum();
    this.#expect('sign', ']');
    return apply('root', this.#argument(), degree);
  }

  #bracketed(open: string): Expression {
    const bars = this.#bars;
    this.#bars = 0;
    const items = this.#list();
    this.#bars = bars;
    const { value: close } = this.#next;
    if (close !== ')' && close !== ']') throw new NotUnderstood();
    this.#at += 1;
    const brackets = open + close;
    if (items.length === 1 && (brackets === '()' || brackets === '[]')) return items[0];
    if (items.length < 2) throw new NotUnderstood();
    return { kind: 'sequence', brackets, items };
  }

  /** `{…}` holds one thing together; with commas inside somebody forgot the backslashes of a set. */
  #group(): Expression {
    const bars = this.#bars;
    this.#bars = 0;
    const items = this.#list();
    this.#bars = bars;
    this.#expect('sign', '}');
    if (items.length === 0) throw new NotUnderstood();
    return items.length === 1 ? items[0] : { kind: 'sequence', brackets: '{}', items };
  }

  #set(): Expression {
    const items = this.#list();
    if (!this.#take('command', '}')) this.#expect('command', 'rbrace');
    return { kind: 'sequence', brackets: '{}', items };
  }

  #matrix(): Expression {
    if (/^\{array\*?\}$/.test(this.#source()) && this.#is('sign', '{')) this.#source();
    const rows: Expression[][] = [[]];
    while (!this.#take('command', 'end')) {
      if (this.#take('command', 'newline')) rows.push([]);
      else {
        this.#take('sign', '&');
        rows[rows.length - 1].push(this.#relation());
      }
    }
    this.#source();
    return { kind: 'matrix', rows: rows.filter((row) => row.length > 0) };
  }

  #function(name: string): Expression {
    let exponent: Expression | undefined;
    let base: Expression | undefined;
    for (;;) {
      if (this.#take('sign', '^')) exponent = this.#exponent();
      else if (this.#take('sign', '_')) base = this.#argument();
      else break;
    }
    const argument = this.#functionArgument();
    const inverse = exponent?.kind === 'apply' && exponent.operator === 'negate' && isOne(exponent.operands[0]);
    const value =
      name === 'log' && base
        ? apply('divide', apply('ln', argument), apply('ln', base))
        : apply(inverse ? `arc${name}` : name, argument);
    return exponent && !inverse ? apply('power', value, exponent) : value;
  }

  /** `\sin 2x \cos y`: the letters and numbers up to the next function, bracket or sign. */
  #functionArgument(): Expression {
    if (this.#is('sign', '-')) return this.#signed();
    const { kind, value } = this.#next;
    if (kind === 'sign' && '([{|'.includes(value)) return this.#nested(() => this.#atom());
    const factors = [this.#factor()];
    for (;;) {
      const { kind: next, value: word } = this.#next;
      const goes = next === 'letters' ? !Object.hasOwn(WORDS, word) : next === 'command' && SYMBOLS.has(word);
      if (!goes) break;
      factors.push(this.#factor());
    }
    return factors.length === 1 ? factors[0] : apply('multiply', ...factors);
  }

  /** An integer with a fraction behind it is a mixed number. */
  #number(): Expression {
    const whole = this.#literal();
    const [first, second, third] = this.tokens.slice(this.#at);
    if (whole.kind !== 'number' || whole.decimal) return whole;
    const isInteger = (token?: Token): boolean => token?.kind === 'number' && /^\d+$/.test(token.value);
    if (first.kind === 'number' && first.spaced && isInteger(first) && second.value === '/' && isInteger(third)) {
      this.#at += 3;
      return apply('add', whole, quotient(first.value, third.value));
    }
    if (first.kind !== 'command' || first.value !== 'frac') return whole;
    const from = this.#at;
    this.#at += 1;
    const [numerator, denominator] = [this.#argument(), this.#argument()];
    if (numerator.kind === 'number' && denominator.kind === 'number')
      return apply('add', whole, apply('divide', numerator, denominator));
    this.#at = from;
    return whole;
  }

  #literal(): Expression {
    let { value } = this.tokens[this.#at++];
    if (this.reading.thousands && /^\d{1,3}$/.test(value)) {
      while (this.#is('sign', ',') && this.#isThousands(this.tokens[this.#at + 1])) {
        value += this.tokens[this.#at + 1].value;
        this.#at += 2;
      }
    }
    const [digits, exponent = '0'] = value.split(/[eE]/);
    if (Math.abs(Number(exponent)) > LARGEST_EXPONENT) throw new NotUnderstood();
    let number = new Fraction(digits.replace(/\.$/, ''));
    const repeating = /\./.test(digits) && this.#is('command', 'overline') && this.#repeating();
    if (repeating) number = new Fraction(`${digits}(${repeating})`);
    const power = new Fraction(10).pow(Number(exponent));
    return { kind: 'number', value: number.mul(power), decimal: !repeating && /[.eE]/.test(value) };
  }

  #isThousands({ kind, value, spaced }: Token): boolean {
    return kind === 'number' && !spaced && /^\d{3}(?:\.\d*)?$/.test(value);
  }

  #repeating(): string {
    this.#at += 1;
    const digits = this.#source().replace(/[{}]/g, '');
    if (!/^\d+$/.test(digits)) throw new NotUnderstood();
    return digits;
  }

  /** A run of letters is a known name, a word, or a product of letters. */
  #letters(): Expression {
    const { value } = this.#next;
    const name = Object.keys(WORDS).find((word) => value === word || (FUNCTIONS.has(word) && value.length === word.length + 1 && value.startsWith(word)));
    if (name !== undefined) {
      this.#split(name.length);
      this.#at += 1;
      return WORDS[name] === 'sqrt' ? this.#root() : this.#command(WORDS[name]);
    }
    if (isWord(value)) return this.#words();
    this.#split(1);
    this.#at += 1;
    const letter = value[0];
    const called = value.length === 1 && 'fghFGH'.includes(letter) && this.#is('sign', '(') && !this.#next.spaced;
    if (!called) return { kind: 'symbol', name: letter };
    this.#at += 1;
    const items = this.#list();
    this.#expect('sign', ')');
    return apply(`call ${letter}`, ...items);
  }

  /** Makes two tokens of one. */
  #split(length: number): void {
    const { kind, value, spaced } = this.#next;
    if (length >= value.length) return;
    const rest: Token = { kind, value: value.slice(length), spaced: false };
    this.tokens.splice(this.#at, 1, { kind, value: value.slice(0, length), spaced }, rest);
  }

  /** Words are words; a number or a letter in text is that. */
  #text(): Expression {
    const { value } = this.#next;
    if (/[a-zA-Z]{2}/.test(value)) return this.#words();
    const inside = tokensOf(value);
    if (!inside) throw new NotUnderstood();
    const sign = (brace: string): Token => ({ kind: 'sign', value: brace, spaced: false });
    this.tokens.splice(this.#at, 1, sign('{'), ...inside.slice(0, -1), sign('}'));
    return this.#atom();
  }

  #words(): Expression {
    const words: string[] = [];
    while (this.#next.kind === 'text' || (this.#next.kind === 'letters' && !['or', 'and'].includes(this.#next.value)))
      words.push(this.tokens[this.#at++].value.trim().toLowerCase());
    return { kind: 'text', words: words.join(' ') };
  }

  #peekSource(): string {
    const from = this.#at;
    const source = this.#source();
    this.#at = from;
    return source;
  }

  /** The next token, or all up to the closing brace, as it is written. */
  #source(): string {
    let depth = 0;
    let source = '';
    do {
      const { kind, value } = this.#next;
      if (kind === 'end') throw new NotUnderstood();
      if (kind === 'sign' && value === '{') depth += 1;
      if (kind === 'sign' && value === '}') depth -= 1;
      source += kind === 'command' ? `\\${value}` : value;
      this.#at += 1;
    } while (depth > 0);
    return source;
  }
}

const SIGNS: Readonly<Record<string, string>> = { '-': 'negate', pm: 'plusMinus', mp: 'minusPlus' };

/** Commands that begin a factor and are neither symbols nor functions. */
const STARTS: ReadonlySet<string> = new Set([
  ...['frac', 'binom', 'sqrt', '{', 'lbrace', 'emptyset', 'varnothing', 'lvert', 'vert', 'lfloor', 'lceil'],
  ...['langle', 'begin', 'text'],
]);

function isWord(letters: string): boolean {
  return letters.length >= 4 && /[aeiouy]/i.test(letters);
}

function integer(value: number): Expression {
  return { kind: 'number', value: new Fraction(value), decimal: false };
}

function quotient(numerator: string, denominator: string): Expression {
  return apply('divide', integer(Number(numerator)), integer(Number(denominator)));
}

function isOne(expression: Expression): boolean {
  return expression.kind === 'number' && expression.value.equals(1);
}

/** A letter with a subscript is another symbol; a number with one is a numeral in that base. */
function withSubscript(of: Expression, subscript: string): Expression {
  const inside = subscript.replace(/^\{|\}$/g, '');
  if (of.kind === 'number') return apply('base', of, { kind: 'symbol', name: inside });
  return withMark(of, `_${inside}`);
}

function withMark(of: Expression, mark: string): Expression {
  if (of.kind !== 'symbol') throw new NotUnderstood();
  return { ...of, name: of.name + mark };
}
