/** Comparing what we compute with what a golden case expects. A difference is one line: where, got, expected. */

export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** What the golden README asks for unless a topic says otherwise. */
const CLOSE: Tolerance = { relative: 1e-5, absolute: 1e-5 };

/** Integers, indices, booleans, texts: no tolerance. Only the keys that `expected` has are looked at. */
export function exactly(where: string, actual: unknown, expected: unknown): string[] {
  return compare(where, actual, expected, Object.is);
}

/** Real numbers; infinities and NaN must be the same. */
export function closely(where: string, actual: unknown, expected: unknown, tolerance: Tolerance = CLOSE): string[] {
  return compare(where, actual, expected, (a, b) => {
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Object.is(a, b);
    return Math.abs(a - b) <= tolerance.absolute + tolerance.relative * Math.abs(b);
  });
}

function compare(
  where: string,
  actual: unknown,
  expected: unknown,
  sameNumber: (a: number, b: number) => boolean,
): string[] {
  if (typeof expected === 'number' && typeof actual === 'number') {
    // -0 and 0 are the same answer.
    return sameNumber(actual + 0, expected + 0) ? [] : [difference(where, actual, expected)];
  }
  if (isList(expected)) {
    if (!isList(actual)) return [difference(where, actual, expected)];
    const a = Array.from(actual);
    const e = Array.from(expected);
    if (a.length !== e.length) return [difference(where, a, e)];
    return e.flatMap((value, i) => compare(`${where}[${i}]`, a[i], value, sameNumber));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return [difference(where, actual, expected)];
    const entries = new Map<string, unknown>(Object.entries(actual));
    return Object.entries(expected).flatMap(([key, value]) =>
      compare(where === '' ? key : `${where}.${key}`, entries.get(key), value, sameNumber),
    );
  }
  return Object.is(actual, expected) ? [] : [difference(where, actual, expected)];
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
}

function difference(where: string, actual: unknown, expected: unknown): string {
  return `${where}: got ${show(actual)}, expected ${show(expected)}`;
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
  return text.length <= 80 ? text : `${text.slice(0, 77)}…`;
}
