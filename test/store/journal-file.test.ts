import fc from 'fast-check';
import { expect, it } from 'vitest';
import { frameRecord, readRecords } from '../../store/journal-file.js';

const contents = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 8 });

it('passes over what a killed writer left, and gives what others wrote behind it', () =>
  fc.assert(
    fc.property(contents, fc.nat(), fc.nat(), (written, which, cut) => {
      const frames = written.map(frameRecord);
      const torn = which % written.length;
      frames[torn] = frames[torn].subarray(0, cut % frames[torn].length);
      const whole = written.filter((_, i) => i !== torn);
      expect(readRecords(Buffer.concat(frames)).map((record) => new Uint8Array(record))).toEqual(whole);
    }),
  ));

it('gives no record whose bytes have changed', () =>
  fc.assert(
    fc.property(contents, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, where, change) => {
      const file = Buffer.concat(written.map(frameRecord));
      file[where % file.length] ^= change;
      for (const record of readRecords(file)) expect(written).toContainEqual(new Uint8Array(record));
    }),
  ));
