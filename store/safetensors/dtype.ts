/** Number formats of safetensors that we read and write. */

/** What a tensor's elements become in JavaScript: half precision is widened, the rest keeps its format. */
export type NumericArray = Float64Array | Float32Array | BigInt64Array | Int32Array | Uint8Array;

export interface Format {
  /** Bytes of an element. */
  readonly size: number;
  /** `bytes` begin at a multiple of `size` in their buffer; the result may be a view of them. */
  readonly view: (bytes: Uint8Array) => NumericArray;
  /** Of half precision: `bytes` as float32 into given memory. */
  readonly widen?: (bytes: Uint8Array, into: Float32Array) => void;
}

const halvesOf = (b: Uint8Array): Uint16Array => new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2);

export const formats = {
  F64: { size: 8, view: (b) => new Float64Array(b.buffer, b.byteOffset, b.byteLength / 8) },
  I64: { size: 8, view: (b) => new BigInt64Array(b.buffer, b.byteOffset, b.byteLength / 8) },
  F32: { size: 4, view: (b) => new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4) },
  I32: { size: 4, view: (b) => new Int32Array(b.buffer, b.byteOffset, b.byteLength / 4) },
  F16: { size: 2, view: (b) => widenF16(halvesOf(b)), widen: (b, into) => widenF16(halvesOf(b), into) },
  BF16: { size: 2, view: (b) => widenBF16(halvesOf(b)), widen: (b, into) => widenBF16(halvesOf(b), into) },
  U8: { size: 1, view: (b) => new Uint8Array(b.buffer, b.byteOffset, b.byteLength) },
} satisfies Record<string, Format>;

export type DType = keyof typeof formats;

export function isDType(name: unknown): name is DType {
  return typeof name === 'string' && Object.hasOwn(formats, name);
}

export function dtypeOf(data: NumericArray): DType {
  if (data instanceof Float64Array) return 'F64';
  if (data instanceof Float32Array) return 'F32';
  if (data instanceof BigInt64Array) return 'I64';
  if (data instanceof Int32Array) return 'I32';
  return 'U8';
}

/** bfloat16 is the upper half of a float32. Two are read at a time where they lie so: half the time, and they are a model's size. */
export function widenBF16(halves: Uint16Array, into: Float32Array = new Float32Array(halves.length)): Float32Array {
  const bits = new Int32Array(into.buffer, into.byteOffset, into.length);
  const pairs = halves.byteOffset % 4 === 0 ? Math.floor(halves.length / 2) : 0;
  const words = pairs === 0 ? new Int32Array() : new Int32Array(halves.buffer, halves.byteOffset, pairs);
  for (let i = 0; i < pairs; i++) {
    const word = words[i];
    bits[2 * i] = word << 16;
    bits[2 * i + 1] = word & 0xffff0000;
  }
  for (let i = 2 * pairs; i < halves.length; i++) bits[i] = halves[i] << 16;
  return into;
}

/** IEEE binary16: sign 1, exponent 5 (bias 15), fraction 10. */
export function widenF16(halves: Uint16Array, into: Float32Array = new Float32Array(halves.length)): Float32Array {
  const table = (f16Table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => f16ToNumber(bits)));
  for (let i = 0; i < halves.length; i++) into[i] = table[halves[i]];
  return into;
}

/** To the nearest half-precision number, ties to the even one; beyond the largest: infinity. */
export function narrowF16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (x) => {
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
    if (magnitude >= 0x47800000) return sign | 0x7c00;
    // Below 2^-14 numbers are multiples of 2^-24: so many of them.
    if (magnitude < 0x38800000)
      return sign | nearestEven(((magnitude & 0x7fffff) | 0x800000) / 2 ** (126 - (magnitude >>> 23)));
    return sign | nearestEven((magnitude - 0x38000000) / 2 ** 13);
  });
}

function nearestEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}

let f16Table: Float32Array | undefined;

function f16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}
