/** A place in the tokens of an answer. */
import type { Token } from './tokens.js';

/** Thrown inside the parser, never out of it. */
export class NotUnderstood extends Error {}

/** What can be read in two ways. */
export interface Reading {
  /** `1,234` is one number, not two. */
  readonly thousands: boolean;
  /** `1/2x` is 1/(2x), not x/2. */
  readonly tight: boolean;
}

const DEEPEST = 60;

export abstract class Cursor {
  protected at = 0;
  #depth = 0;

  constructor(
    /** The last one is the end. */
    protected readonly tokens: Token[],
    protected readonly reading: Reading,
  ) {}

  protected get next(): Token {
    return this.tokens[this.at];
  }

  protected is(kind: Token['kind'], value: string): boolean {
    return this.next.kind === kind && this.next.value === value;
  }

  protected take(kind: Token['kind'], value: string): boolean {
    const found = this.is(kind, value);
    if (found) this.at += 1;
    return found;
  }

  protected expect(kind: Token['kind'], value: string): void {
    if (!this.take(kind, value)) throw new NotUnderstood();
  }

  protected nested<T>(work: () => T): T {
    if (++this.#depth > DEEPEST) throw new NotUnderstood();
    const result = work();
    this.#depth -= 1;
    return result;
  }

  /** Makes two tokens of one. */
  protected split(length: number): void {
    const { kind, value, spaced } = this.next;
    if (length >= value.length) return;
    const rest: Token = { kind, value: value.slice(length), spaced: false };
    this.tokens.splice(this.at, 1, { kind, value: value.slice(0, length), spaced }, rest);
  }

  protected peekSource(): string {
    const from = this.at;
    const source = this.source();
    this.at = from;
    return source;
  }

  /** The next token, or all up to the closing brace, as it is written. */
  protected source(): string {
    let depth = 0;
    let source = '';
    do {
      const { kind, value } = this.next;
      if (kind === 'end') throw new NotUnderstood();
      if (kind === 'sign' && value === '{') depth += 1;
      if (kind === 'sign' && value === '}') depth -= 1;
      source += kind === 'command' ? `\\${value}` : value;
      this.at += 1;
    } while (depth > 0);
    return source;
  }
}
