import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { narrowF16, widenBF16, widenF16, type NumericArray } from '../../../store/safetensors/dtype.js';
import { SafetensorsFile, writeSafetensors } from '../../../store/safetensors/file.js';
import { decodeHeader, decodeSafetensors, encodeSafetensors } from '../../../store/safetensors/safetensors.js';

const anyArray: fc.Arbitrary<NumericArray> = fc.oneof(
  fc.float32Array({ maxLength: 20 }),
  fc.float64Array({ maxLength: 20 }),
  fc.int32Array({ maxLength: 20 }),
  fc.bigInt64Array({ maxLength: 20 }),
  fc.uint8Array({ maxLength: 20 }),
);
const anyName = fc.string({ unit: 'binary', maxLength: 12 }).filter((name) => name !== '__metadata__');
const anyTensors = fc.array(fc.tuple(anyName, anyArray), { maxLength: 8 }).map((pairs) => Object.fromEntries(pairs));
const anyMetadata = fc.dictionary(fc.string(), fc.string());

/** A file with this header and that many bytes of data. */
function file(header: string, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const problemsOf = (bytes: Uint8Array): readonly string[] => {
  try {
    decodeSafetensors(bytes);
  } catch (error) {
    expect(error).toMatchObject({ name: 'CheckpointDamaged' });
    return (error as { problems: readonly string[] }).problems;
  }
  return [];
};

describe('safetensors', () => {
  it('gives back every tensor and the metadata', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const bytes = encodeSafetensors(tensors, metadata);
        expect(decodeSafetensors(bytes)).toEqual(tensors);
        expect(decodeHeader(bytes).metadata).toEqual(metadata);
      }),
    );
  });

  it('gives the same bytes for the same tensors in any order', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const reversed = <T>(record: Record<string, T>) => Object.fromEntries(Object.entries(record).reverse());
        expect(encodeSafetensors(reversed(tensors), reversed(metadata))).toEqual(encodeSafetensors(tensors, metadata));
      }),
    );
  });

  it('reads tensors from memory that is not aligned', () => {
    fc.assert(
      fc.property(anyTensors, fc.integer({ min: 0, max: 9 }), (tensors, shift) => {
        const bytes = encodeSafetensors(tensors);
        const moved = Buffer.concat([Buffer.alloc(shift), bytes]).subarray(shift);
        expect(decodeSafetensors(moved)).toEqual(tensors);
      }),
    );
  });

  it('aligns every tensor to its element size, without gaps', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        const { tensors: infos } = decodeHeader(encodeSafetensors(tensors));
        for (const [name, { begin }] of infos) expect(begin % tensors[name].BYTES_PER_ELEMENT).toBe(0);
      }),
    );
  });

  it('writes exactly what the format says', () => {
    const bytes = encodeSafetensors(
      { b: { shape: [1, 2], data: Int32Array.of(1, -1) }, a: Uint8Array.of(255) },
      { k: 'v' },
    );
    const header =
      '{"__metadata__":{"k":"v"},"b":{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]},"a":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    const expected = [padded.length, 0, 0, 0, 0, 0, 0, 0, ...Buffer.from(padded), 1, 0, 0, 0, 255, 255, 255, 255, 255];
    expect([...bytes]).toEqual(expected);
  });

  it('widens half precision', () => {
    const bits = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x0001);
    expect([...widenBF16(bits)]).toEqual([1, -2, Infinity, 2 ** -133]);
    // Wherever it begins, however many there are.
    for (let from = 0; from <= bits.length; from++)
      expect([...widenBF16(bits.subarray(from))]).toEqual([...widenBF16(bits)].slice(from));
    const f16 = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0xfc00, 0x8000, 0x3555);
    expect([...widenF16(f16)]).toEqual([1, -2, 65504, 2 ** -24, 2 ** -14, Infinity, -Infinity, -0, 0.333251953125]);
    expect(widenF16(Uint16Array.of(0x7e00))).toEqual(Float32Array.of(NaN));
    const finite = Uint16Array.from({ length: 0x10000 }, (_, half) => half).filter(
      (half) => (half & 0x7c00) !== 0x7c00,
    );
    expect(narrowF16(widenF16(finite))).toEqual(finite);
    // Ties go to the even number, also to the next power of two; beyond 65,520 nothing is finite.
    const between = Float32Array.of(
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 - 2 ** -12,
      2 ** -25,
      3 * 2 ** -25,
      65519,
      65520,
      NaN,
    );
    const rounded = Float32Array.of(1, 1 + 2 ** -9, 2, 0, 2 ** -23, 65504, Infinity, NaN);
    expect(widenF16(narrowF16(between))).toEqual(rounded);
    const bytes = encodeSafetensors({ x: { shape: [2, 2], data: bits, dtype: 'BF16' } });
    expect(decodeSafetensors(bytes)).toEqual({ x: widenBF16(bits) });
    expect(decodeHeader(bytes).tensors.get('x')).toMatchObject({ dtype: 'BF16', shape: [2, 2] });
  });

  it('refuses a shape that does not fit', () => {
    expect(() => encodeSafetensors({ x: { shape: [2, 2], data: new Float32Array(5) } })).toThrow(
      'does not fit 5 numbers',
    );
  });
});

describe('a damaged safetensors file', () => {
  it.each([
    ['is empty', new Uint8Array(0), 'it has 0 bytes'],
    [
      'promises more header than there is',
      Uint8Array.of(99, 0, 0, 0, 0, 0, 0, 0, 1),
      'its header has 99 bytes, at most 1',
    ],
    ['has a negative length', new Uint8Array(16).fill(255), 'at most 8 are possible'],
    ['has no JSON', file('{"a":', 0), 'its header is not JSON'],
    ['has invalid UTF-8', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff), 'its header is not JSON'],
    ['has another JSON value', file('[]', 0), 'its header is not a JSON object'],
    ['has metadata that is no text', file('{"__metadata__":{"a":1}}', 0), '__metadata__ is not an object of strings'],
    ['has bytes that belong to nothing', file('{}', 3), '3 bytes behind the header belong to nothing'],
  ])('that %s is refused', (_, bytes, problem) => {
    expect(problemsOf(bytes)).toEqual([expect.stringContaining(problem)]);
  });

  it('has all its tensors checked, and every problem listed', () => {
    const header = {
      format: { dtype: 'F7', shape: [1], data_offsets: [0, 4] },
      shape: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] },
      missing: { dtype: 'F32', shape: [1] },
      backwards: { dtype: 'F32', shape: [1], data_offsets: [4, 0] },
      outside: { dtype: 'F32', shape: [4], data_offsets: [0, 16] },
      size: { dtype: 'F32', shape: [3], data_offsets: [0, 8] },
      number: 1,
      fine: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
    };
    const problems = problemsOf(file(JSON.stringify(header), 8));
    expect(problems).toHaveLength(7);
    for (const name of Object.keys(header)) expect(problems.join().includes(`"${name}"`)).toBe(name !== 'fine');
  });

  it('has no tensors that overlap or leave gaps', () => {
    const tensor = (from: number, to: number) => ({ dtype: 'U8', shape: [to - from], data_offsets: [from, to] });
    expect(problemsOf(file(JSON.stringify({ a: tensor(0, 4), b: tensor(2, 6), c: tensor(8, 9) }), 10))).toEqual([
      'tensor "b" overlaps tensor "a"',
      '2 bytes between tensor "b" and tensor "c" belong to nothing',
      '1 bytes behind tensor "c" belong to nothing',
    ]);
  });

  it('is found out however it was cut off', () => {
    const bytes = encodeSafetensors({ a: Float32Array.of(1, 2), b: Uint8Array.of(1) });
    for (let length = 0; length < bytes.length; length++) expect(problemsOf(bytes.subarray(0, length))).not.toEqual([]);
  });
});

describe('a safetensors file on disk', () => {
  let folder: string;
  let path: string;
  const tensors = { w: { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }, ids: BigInt64Array.of(1n, -1n) };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'attnrl-safetensors-'));
    path = join(folder, 'model.safetensors');
    await writeSafetensors(path, tensors, { format: 'pt' });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is the same as in memory', async () => {
    expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(tensors, { format: 'pt' }));
  });

  it('is read tensor by tensor', async () => {
    const opened = await SafetensorsFile.open(path);
    expect(opened.header.tensors.get('w')).toMatchObject({ dtype: 'F32', shape: [2, 2] });
    expect(await opened.read('w')).toEqual(tensors.w.data);
    expect(await opened.read('ids')).toEqual(tensors.ids);
    await expect(opened.read('x')).rejects.toThrow('tensor "x" is missing');
    await opened.close();
  });

  it('is read as float32 into given memory, whatever its format and however long', async () => {
    const length = 2 ** 20 + 3;
    const numbers = Float32Array.from({ length }, (_, i) => (i % 256) - 128); // exact in all formats
    const half = narrowF16(numbers);
    const brain = new Uint16Array(numbers.buffer).filter((_, i) => i % 2 === 1);
    const shape = [length];
    await writeSafetensors(path, {
      F32: { shape, data: numbers },
      F64: { shape, data: Float64Array.from(numbers) },
      F16: { shape, dtype: 'F16', data: half },
      BF16: { shape, dtype: 'BF16', data: brain },
    });
    const opened = await SafetensorsFile.open(path);
    for (const name of ['F32', 'F64', 'F16', 'BF16']) {
      const memory = new Float32Array(length + 2);
      await opened.readInto(name, memory.subarray(1, length + 1));
      expect([memory[0], memory[length + 1]]).toEqual([0, 0]);
      expect(Buffer.compare(Buffer.from(memory.buffer, 4, 4 * length), Buffer.from(numbers.buffer))).toBe(0);
    }
    await expect(opened.readInto('F32', new Float32Array(3))).rejects.toThrow('has not 3 elements');
    await opened.close();
  });

  it('is refused when it is damaged, then or later', async () => {
    const opened = await SafetensorsFile.open(path);
    await truncate(path, 150);
    await expect(opened.read('w')).rejects.toMatchObject({ name: 'CheckpointDamaged', where: path });
    await opened.close();
    await expect(SafetensorsFile.open(path)).rejects.toMatchObject({ name: 'CheckpointDamaged', where: path });
    await writeFile(path, '');
    await expect(SafetensorsFile.open(path)).rejects.toThrow('it has 0 bytes');
  });
});
