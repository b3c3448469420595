/** Rows of keys and values against a model of them, through any sequence of operations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Block, Slots } from '../../../../policy/onnx/generate/slots.js';
import { LIMITS, type SlotLimits } from '../../../../policy/limits.js';
import { smallConfig } from '../../random-model.js';

const CHUNK = 4;
const config = { ...smallConfig, layers: 2, kvHeads: 2, headSize: 3 };
const WIDTH = config.kvHeads * CHUNK * config.headSize;

/** Numbers that no other block holds. */
function blockOf(name: number, rows = 1): Block {
  const matrix = (store: number): Float32Array =>
    Float32Array.from({ length: rows * WIDTH }, (_, i) => (name * 2 * config.layers + store) * 1000 + i);
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  return { keys: layers.map((layer) => matrix(2 * layer)), values: layers.map((layer) => matrix(2 * layer + 1)) };
}

/** Row `from` of a run's output. */
const rowOf = ({ keys, values }: Block, from: number): Block => {
  const part = (matrix: Float32Array): Float32Array => matrix.slice(from * WIDTH, (from + 1) * WIDTH);
  return { keys: keys.map(part), values: values.map(part) };
};

type Operation =
  | { readonly kind: 'add' | 'clear' }
  | { readonly kind: 'reserve'; readonly blocks: number }
  | { readonly kind: 'write'; readonly row: number; readonly index: number; readonly from: number }
  | { readonly kind: 'remove'; readonly row: number };

const SIZE = 9;
const row = fc.integer({ min: 0, max: SIZE });
const blocks = fc.integer({ min: 0, max: 6 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('reserve' as const), blocks }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), row, index: blocks, from: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), row }) },
);

/** What is known of each row, by the number of the block. */
class Model {
  readonly rows: Map<number, Block>[] = [];
  capacity = 0;
}

/** Does it to both; what cannot be done must be refused, and change nothing. */
function perform(slots: Slots, model: Model, one: Operation, name: number): void {
  const isRow = 'row' in one && one.row < model.rows.length;
  switch (one.kind) {
    case 'add':
      if (model.rows.length === SIZE) expect(() => slots.add()).toThrow(RangeError);
      else expect(slots.add()).toBe(model.rows.push(new Map()) - 1);
      break;
    case 'clear':
      slots.clear();
      model.rows.length = 0;
      model.capacity = 0;
      break;
    case 'reserve':
      slots.reserve(one.blocks * CHUNK);
      model.capacity = one.blocks;
      for (const held of model.rows) for (const index of held.keys()) if (index >= one.blocks) held.delete(index);
      break;
    case 'write': {
      const written = blockOf(name, 3);
      const write = (): void => slots.write(one.row, one.index, written, one.from);
      if (!isRow || one.index >= model.capacity) expect(write).toThrow(RangeError);
      else {
        write();
        model.rows[one.row].set(one.index, rowOf(written, one.from));
      }
      break;
    }
    case 'remove':
      if (!isRow) expect(() => slots.remove(one.row)).toThrow(RangeError);
      else {
        slots.remove(one.row);
        const last = model.rows.pop()!;
        if (one.row < model.rows.length) model.rows[one.row] = last;
      }
  }
}

function expectSame(slots: Slots, { rows, capacity }: Model): void {
  for (const [r, held] of rows.entries()) {
    for (const [index, block] of held) expect(slots.read(r, index)).toEqual(block);
    expect(() => slots.read(r, capacity)).toThrow(RangeError);
  }
  expect(() => slots.read(rows.length, 0)).toThrow(RangeError);
  const { kvHeads, headSize, layers } = config;
  const feeds = slots.feeds(rows.length);
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, of] of [
      [`keys${layer}`, (block: Block) => block.keys[layer]],
      [`values${layer}`, (block: Block) => block.values[layer]],
    ] as const) {
      const { data, dims } = feeds[name];
      expect(dims).toEqual([rows.length, 1, kvHeads, 1, capacity * CHUNK, headSize]);
      expect(data).toHaveLength(dims.reduce((a, b) => a * b, 1));
      for (const [r, held] of rows.entries()) {
        for (const [index, block] of held) {
          for (let head = 0; head < kvHeads; head++) {
            const place = ((r * kvHeads + head) * capacity + index) * CHUNK * headSize;
            const expected = of(block).slice(head * CHUNK * headSize, (head + 1) * CHUNK * headSize);
            expect(data.slice(place, place + CHUNK * headSize)).toEqual(expected);
          }
        }
      }
    }
  }
}

/** Bytes of all layers' blocks of one row. */
const ROW_BYTES = 2 * config.layers * WIDTH * Float32Array.BYTES_PER_ELEMENT;
const EACH: Record<string, SlotLimits> = {
  'of a size that is kept': LIMITS.generate.slots,
  'of which nothing is kept': { firstRows: 2, keptBytes: 0 },
  'of which some are kept': { firstRows: 3, keptBytes: 8 * ROW_BYTES },
};

describe.each(Object.entries(EACH))('rows %s', (_, limits) => {
  it('hold what was written last at each place, through any sequence of operations', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const [slots, model] = [new Slots(config, CHUNK, SIZE, limits), new Model()];
        operations.forEach((one, name) => {
          perform(slots, model, one, name);
          expectSame(slots, model);
        });
      }),
      { numRuns: 60 },
    );
  });
});

it('rows that are cleared are laid out anew, however much memory was kept', () => {
  for (const limits of Object.values(EACH)) {
    const slots = new Slots(config, CHUNK, SIZE, limits);
    for (let round = 0; round < 3; round++) {
      slots.clear();
      slots.reserve(4 * CHUNK);
      const block = blockOf(round);
      for (let r = 0; r < SIZE; r++) slots.write(slots.add(), 3, block);
      for (let r = 0; r < SIZE; r++) expect(slots.read(r, 3)).toEqual(block);
    }
  }
});

it('more rows than there is room for are not fed', () => {
  const slots = new Slots(config, CHUNK, SIZE, { firstRows: 2, keptBytes: 0 });
  slots.add();
  slots.reserve(CHUNK);
  expect(slots.feeds(2)['keys0'].data).toHaveLength(2 * WIDTH);
  expect(() => slots.feeds(3)).toThrow(RangeError);
});
