/** Unions of sets in as few parts as can be. */
import { apply, identical, type Expression } from './expression.js';
import { INFINITY } from './relations.js';

type Sequence = Extract<Expression, { kind: 'sequence' }>;

/** Of more parts than these none are joined. */
const MOST_PARTS = 32;

/** `\{1\} \cup \{2,3\}` is `\{1,2,3\}`, `[2,3) \cup [3,5)` is `[2,5)`, and `(-\infty,\infty)` is `\mathbb{R}`. */
export function united(one: Expression): Expression {
  const parts = joined(partsOf(one));
  const union = parts.length === 1 ? parts[0] : apply('cup', ...parts);
  return identical(union, ALL_REALS) ? REALS : union;
}

function partsOf(one: Expression): readonly Expression[] {
  return one.kind === 'apply' && one.operator === 'cup' ? one.operands.flatMap(partsOf) : [one];
}

function joined(parts: readonly Expression[]): readonly Expression[] {
  if (parts.length > MOST_PARTS) return parts;
  for (const [i, a] of parts.entries()) {
    for (const [j, b] of parts.entries()) {
      const both = i === j ? undefined : join(a, b);
      if (both) return joined([both, ...parts.filter((part) => part !== a && part !== b)]);
    }
  }
  return parts;
}

/** Two finite sets, or two intervals of which one ends where the other begins. */
function join(a: Expression, b: Expression): Sequence | undefined {
  if (a.kind !== 'sequence' || b.kind !== 'sequence') return undefined;
  if (a.brackets === '{}' && b.brackets === '{}') return { ...a, items: [...a.items, ...b.items] };
  if (!isInterval(a) || !isInterval(b) || !identical(a.items[1], b.items[0])) return undefined;
  if (a.brackets[1] === ')' && b.brackets[0] === '(') return undefined;
  return { kind: 'sequence', brackets: a.brackets[0] + b.brackets[1], items: [a.items[0], b.items[1]] };
}

function isInterval({ brackets, items }: Sequence): boolean {
  return items.length === 2 && /^[[(][\])]$/.test(brackets);
}

const ALL_REALS: Expression = { kind: 'sequence', brackets: '()', items: [apply('negate', INFINITY), INFINITY] };
const REALS: Expression = { kind: 'symbol', name: '\\mathbb{R}' };
