import module from 'canonicalize';

// The package is CommonJS with the types of an ES module: what TypeScript takes for a namespace is the function itself.
const serialize = module as unknown as (value: unknown) => string | undefined;

/** RFC 8785: one text per value, so that equal values have equal hashes. */
export function canonicalJson(value: unknown): string {
  const text = serialize(value);
  if (text === undefined) throw new TypeError('a value without a JSON form cannot be stored');
  return text;
}
