/** What stands between the signs of arithmetic: numbers, letters, functions, brackets, with what is written behind them. */
import { NotUnderstood } from './cursor.js';
import { apply, type Expression } from './expression.js';
import { isOne, isWord, withMark, withSubscript } from './letters.js';
import { integer, NumberParser } from './parse-number.js';
import { tokensOf, type Token } from './tokens.js';
import { ACCENTS, FUNCTIONS, SYMBOLS, WORDS } from './vocabulary.js';

export abstract class FactorParser extends NumberParser {
  /** Inside `|…|`, where a bar closes. */
  #bars = 0;

  protected abstract list(): Expression[];
  protected abstract relation(): Expression;
  protected abstract sum(): Expression;

  protected startsFactor(): boolean {
    const { kind, value } = this.next;
    if (kind === 'number') return true;
    if (kind === 'letters') return !['or', 'and'].includes(value) && !(value === 'U' && this.isBracket(this.at + 1));
    if (kind === 'text') return !['or', 'and'].includes(value.trim().toLowerCase());
    if (kind === 'sign') return '([{'.includes(value) || (value === '|' && this.#bars === 0);
    if (value === 'vert') return this.#bars === 0;
    return (
      kind === 'command' && (SYMBOLS.has(value) || FUNCTIONS.has(value) || ACCENTS.has(value) || STARTS.has(value))
    );
  }

  protected isBracket(at: number): boolean {
    return this.tokens[at].value === '(' || this.tokens[at].value === '[';
  }

  protected factor(): Expression {
    let factor = this.nested(() => this.atom());
    for (;;) {
      if (this.take('sign', '!')) factor = apply('factorial', factor);
      else if (this.take('sign', '^')) factor = this.power(factor);
      else if (this.take('sign', '_')) factor = withSubscript(factor, this.source());
      else if (this.take('sign', "'")) factor = withMark(factor, "'");
      else if (this.take('command', 'percent') || this.percentWord()) factor = apply('percent', factor);
      else if (this.take('command', 'degrees')) {
        if (this.is('letters', 'C') || this.is('letters', 'F')) this.at += 1;
      } else return factor;
    }
  }

  protected percentWord(): boolean {
    const { kind, value } = this.next;
    const found = (kind === 'letters' || kind === 'text') && value.trim().toLowerCase() === 'percent';
    if (found) this.at += 1;
    return found;
  }

  protected power(base: Expression): Expression {
    const prime = /^\{?(?:\\prime)+\}?$/.exec(this.peekSource());
    if (!prime) return apply('power', base, this.exponent());
    return withMark(base, "'".repeat(this.source().split('\\prime').length - 1));
  }

  protected exponent(): Expression {
    if (this.take('sign', '-')) return apply('negate', this.exponent());
    if (this.next.kind === 'number') return this.number();
    return this.argument();
  }

  /** An argument in braces, or one character. */
  protected override argument(): Expression {
    return this.nested(() => {
      const { kind, value } = this.next;
      if (/^\w\w/.test(value) && (kind === 'number' || kind === 'letters')) {
        const first: Token = { kind, value: value[0], spaced: false };
        this.tokens.splice(this.at, 1, first, { kind, value: value.slice(1), spaced: false });
        return kind === 'number' ? this.literal() : this.atom();
      }
      return this.atom();
    });
  }

  protected atom(): Expression {
    const { kind, value } = this.next;
    if (kind === 'number') return this.number();
    if (kind === 'letters') return this.letters();
    if (kind === 'text') return this.text();
    this.at += 1;
    if (kind === 'sign') {
      if (value === '(' || value === '[') return this.bracketed(value);
      if (value === '{') return this.group();
      if (value === '|') return this.absolute();
    }
    if (kind !== 'command') throw new NotUnderstood();
    return this.command(value);
  }

  protected command(name: string): Expression {
    if (FUNCTIONS.has(name)) return this.function(name);
    if (SYMBOLS.has(name)) return { kind: 'symbol', name: name === 'pi' ? 'pi' : `\\${name}` };
    if (ACCENTS.has(name)) return { kind: 'symbol', name: `\\${name}{${this.source().replace(/^\{|\}$/g, '')}}` };
    switch (name) {
      case 'frac':
        return apply('divide', this.argument(), this.argument());
      case 'binom':
        return apply('binomial', this.argument(), this.argument());
      case 'sqrt':
        return this.root();
      case '{':
      case 'lbrace':
        return this.set();
      case 'emptyset':
      case 'varnothing':
        return { kind: 'sequence', brackets: '{}', items: [] };
      case 'lvert':
        return this.enclosed('rvert', 'abs');
      case 'vert':
      case 'mid':
        return this.absolute();
      case 'lfloor':
        return this.enclosed('rfloor', 'floor');
      case 'lceil':
        return this.enclosed('rceil', 'ceiling');
      case 'langle': {
        const items = this.list();
        this.expect('command', 'rangle');
        return { kind: 'sequence', brackets: '()', items };
      }
      case 'begin':
        return this.matrix();
      case 'text':
        return this.argument();
      default:
        throw new NotUnderstood();
    }
  }

  protected enclosed(close: string, operator: string): Expression {
    const inside = this.sum();
    this.expect('command', close);
    return apply(operator, inside);
  }

  protected absolute(): Expression {
    this.#bars += 1;
    const inside = this.sum();
    if (!this.take('sign', '|') && !this.take('command', 'vert')) this.expect('command', 'mid');
    this.#bars -= 1;
    return apply('abs', inside);
  }

  protected root(): Expression {
    if (!this.take('sign', '[')) return apply('root', this.argument(), integer(2));
    const degree = this.sum();
    this.expect('sign', ']');
    return apply('root', this.argument(), degree);
  }

  protected bracketed(open: string): Expression {
    const bars = this.#bars;
    this.#bars = 0;
    const items = this.list();
    this.#bars = bars;
    const { value: close } = this.next;
    if (close !== ')' && close !== ']') throw new NotUnderstood();
    this.at += 1;
    const brackets = open + close;
    if (items.length === 1 && (brackets === '()' || brackets === '[]')) return items[0];
    if (items.length < 2) throw new NotUnderstood();
    return { kind: 'sequence', brackets, items };
  }

  /** `{…}` holds one thing together; with commas inside somebody forgot the backslashes of a set. */
  protected group(): Expression {
    const bars = this.#bars;
    this.#bars = 0;
    const items = this.list();
    this.#bars = bars;
    this.expect('sign', '}');
    if (items.length === 0) throw new NotUnderstood();
    return items.length === 1 ? items[0] : { kind: 'sequence', brackets: '', items };
  }

  protected set(): Expression {
    const items = this.list();
    if (!this.take('command', '}')) this.expect('command', 'rbrace');
    return { kind: 'sequence', brackets: '{}', items };
  }

  protected matrix(): Expression {
    const kind = this.source();
    // Between bars stands the determinant.
    if (/^\{[vV]matrix/.test(kind)) throw new NotUnderstood();
    if (/^\{array\*?\}$/.test(kind) && this.is('sign', '{')) this.source();
    const rows: Expression[][] = [[]];
    while (!this.take('command', 'end')) {
      if (this.take('command', 'newline')) rows.push([]);
      else {
        this.take('sign', '&');
        rows[rows.length - 1].push(this.relation());
      }
    }
    this.source();
    return { kind: 'matrix', rows: rows.filter((row) => row.length > 0) };
  }

  protected function(name: string): Expression {
    let exponent: Expression | undefined;
    let base: Expression | undefined;
    for (;;) {
      if (this.take('sign', '^')) exponent = this.exponent();
      else if (this.take('sign', '_')) base = this.argument();
      else break;
    }
    const argument = this.functionArgument();
    const inverse = exponent?.kind === 'apply' && exponent.operator === 'negate' && isOne(exponent.operands[0]);
    const value =
      name === 'log' && base
        ? apply('divide', apply('ln', argument), apply('ln', base))
        : apply(inverse ? `arc${name}` : name, argument);
    return exponent && !inverse ? apply('power', value, exponent) : value;
  }

  /** `\sin 2x \cos y`: the letters and numbers up to the next function, bracket or sign. */
  protected functionArgument(): Expression {
    if (this.is('sign', '-')) return this.signed();
    const { kind, value } = this.next;
    if (kind === 'sign' && '([{|'.includes(value)) return this.nested(() => this.atom());
    const factors = [this.factor()];
    for (;;) {
      const { kind: next, value: word } = this.next;
      const goes = next === 'letters' ? !Object.hasOwn(WORDS, word) : next === 'command' && SYMBOLS.has(word);
      if (!goes) break;
      factors.push(this.factor());
    }
    return factors.length === 1 ? factors[0] : apply('multiply', ...factors);
  }

  /** A run of letters is a known name, a word, or a product of letters. */
  protected letters(): Expression {
    const { value } = this.next;
    const name = Object.keys(WORDS).find(
      (word) => value === word || (FUNCTIONS.has(word) && value.length === word.length + 1 && value.startsWith(word)),
    );
    if (name !== undefined) {
      this.split(name.length);
      this.at += 1;
      return WORDS[name] === 'sqrt' ? this.root() : this.command(WORDS[name]);
    }
    if (isWord(value)) return this.words();
    this.split(1);
    this.at += 1;
    const letter = value[0];
    if (value.length > 1 || !this.isCall(letter)) return { kind: 'symbol', name: letter };
    this.at += 1;
    const items = this.list();
    this.expect('sign', ')');
    return apply(`call ${letter}`, ...items);
  }

  /** `f(x)` is no product, and neither is `I(0)`. */
  protected isCall(letter: string): boolean {
    if (!this.is('sign', '(') || this.next.spaced) return false;
    const [, inside, close] = this.tokens.slice(this.at, this.at + 3);
    const ofNumber = inside.kind === 'number' && close?.value === ')';
    return 'fghFGH'.includes(letter) || (ofNumber && (/[A-Z]/.test(letter) || Number(inside.value) === 0));
  }

  /** Words are words; a letter in text is that, and a number with what stands behind it. */
  protected text(): Expression {
    const { value } = this.next;
    if (/[a-zA-Z]{2}/.test(value) && !/^ *-? *[\d.]/.test(value)) return this.words();
    const inside = tokensOf(value);
    if (!inside) throw new NotUnderstood();
    const sign = (brace: string): Token => ({ kind: 'sign', value: brace, spaced: false });
    this.tokens.splice(this.at, 1, sign('{'), ...inside.slice(0, -1), sign('}'));
    return this.atom();
  }

  protected words(): Expression {
    const words: string[] = [];
    while (this.next.kind === 'text' || (this.next.kind === 'letters' && !['or', 'and'].includes(this.next.value)))
      words.push(this.tokens[this.at++].value.trim().toLowerCase());
    return { kind: 'text', words: words.join(' ') };
  }

  protected signed(): Expression {
    if (this.take('sign', '-')) return apply('negate', this.factor());
    this.take('sign', '+');
    return this.factor();
  }
}

/** Commands that begin a factor and are neither symbols nor functions. */
const STARTS: ReadonlySet<string> = new Set([
  ...['frac', 'binom', 'sqrt', '{', 'lbrace', 'emptyset', 'varnothing', 'lvert', 'lfloor', 'lceil'],
  ...['langle', 'begin', 'text'],
]);
