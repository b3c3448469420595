/**
 * safetensors (https://github.com/huggingface/safetensors): named arrays of numbers in one file. Same tensors, same bytes:
 * the data goes by element size (largest first, so that all is aligned without gaps), then by name.
 */
import { dtypeOf, formats, type DType, type NumericArray } from './dtype.js';
import { headerLength, LENGTH_BYTES, parseHeader, type SafetensorsHeader, type TensorInfo } from './header.js';

/**
 * An array alone is a tensor of one axis. Half precision is given by its bits. Data as a function is asked for when its
 * bytes are written, so that not all of it need exist at once.
 */
export type TensorInput =
  | NumericArray
  | { readonly shape: readonly number[]; readonly dtype: DType; readonly data: () => NumericArray | Uint16Array }
  | { readonly shape: readonly number[]; readonly data: NumericArray }
  | { readonly shape: readonly number[]; readonly data: Uint16Array; readonly dtype: 'F16' | 'BF16' };

export type Metadata = Readonly<Record<string, string>>;

/** @throws TypeError when a shape does not fit its data */
export function encodeSafetensors(tensors: Readonly<Record<string, TensorInput>>, metadata: Metadata = {}): Uint8Array {
  const parts = safetensorsParts(tensors, metadata).map((part) => part());
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.byteLength;
  }
  return bytes;
}

/** All tensors of a file in memory, as flat arrays; half precision is widened. Throws `CheckpointDamaged`. */
export function decodeSafetensors(bytes: Uint8Array, where = 'the artifact'): Record<string, NumericArray> {
  const { tensors } = decodeHeader(bytes, where);
  return Object.fromEntries(
    [...tensors].map(([name, info]) => [name, toArray(bytes.subarray(info.begin, info.end), info)]),
  );
}

/** Formats, shapes and metadata of a file in memory. Throws `CheckpointDamaged`. */
export function decodeHeader(bytes: Uint8Array, where = 'the artifact'): SafetensorsHeader {
  const length = headerLength(where, bytes.subarray(0, LENGTH_BYTES), bytes.byteLength);
  return parseHeader(where, bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), bytes.byteLength);
}

/** A view of the bytes where their place in memory allows it, else a copy. */
export function toArray(bytes: Uint8Array, { dtype }: TensorInfo): NumericArray {
  const { size, view } = formats[dtype];
  return view(bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes));
}

/** What stands in the file, one after another: the header, then each tensor. */
export function safetensorsParts(
  tensors: Readonly<Record<string, TensorInput>>,
  metadata: Metadata,
): (() => Uint8Array)[] {
  const entries = Object.entries(tensors)
    .map(([name, input]) => describe(name, input))
    .sort((a, b) => formats[b.dtype].size - formats[a.dtype].size || (a.name < b.name ? -1 : 1));
  let offset = 0;
  const fields = entries.map(({ name, dtype, shape, size }) => {
    const begin = offset;
    offset += size;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, offset] })}`;
  });
  const texts = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  if (texts.length > 0)
    fields.unshift(
      `"__metadata__":{${texts.map((pair) => pair.map((text) => JSON.stringify(text)).join(':')).join(',')}}`,
    );
  return [() => encodeHeader(`{${fields.join(',')}}`), ...entries.map(({ bytes }) => bytes)];
}

/** Filled up with spaces, so that the data begins at a multiple of 8. */
function encodeHeader(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.byteLength / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + length).fill(' '.charCodeAt(0));
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, LENGTH_BYTES);
  return header;
}

interface Described {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In bytes. */
  readonly size: number;
  /** @throws TypeError when the data is not of that size */
  readonly bytes: () => Uint8Array;
}

function describe(name: string, input: TensorInput): Described {
  const { shape, data } = 'shape' in input ? input : { shape: [input.length], data: input };
  const dtype = 'dtype' in input ? input.dtype : dtypeOf(data as NumericArray);
  if (name === '__metadata__') throw new TypeError('a tensor cannot be named __metadata__');
  const size = shape.reduce((product, length) => product * length, formats[dtype].size);
  const bytesOf = (values: NumericArray | Uint16Array): Uint8Array => {
    if (values.byteLength !== size)
      throw new TypeError(`tensor ${name}: shape [${shape.join(', ')}] does not fit ${values.length} numbers`);
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  };
  if (typeof data === 'function') return { name, dtype, shape, size, bytes: () => bytesOf(data()) };
  const bytes = bytesOf(data);
  return { name, dtype, shape, size, bytes: () => bytes };
}
