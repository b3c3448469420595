import fc from 'fast-check';
import { expect, it } from 'vitest';
import { scoreBatch } from '../../../../policy/onnx/score/batch.js';
import { smallConfig } from '../../random-model.js';

/** Of few words, so that many begin alike. */
const sequences = fc.array(fc.array(fc.nat(2), { minLength: 2, maxLength: 40 }), { minLength: 1, maxLength: 12 });

it('a score batch holds what sequences begin with in common once, and finds it at every place', () => {
  fc.assert(
    fc.property(sequences, fc.nat(1), (rows, promptLength) => {
      const requests = rows.map((tokens) => ({
        tokens: Int32Array.from(tokens),
        promptLength: 1 + promptLength,
        temperature: 1,
      }));
      const { tokens, positions, spread, found, predecessors, labels, length } = scoreBatch(smallConfig, requests);
      const beginnings = rows.map((row) => row.map((_, t) => row.slice(0, t + 1).join()));
      const distinct = new Set(beginnings.flat()).size;
      expect(tokens.length).toBe(Math.ceil(distinct / 16) * 16);

      const at = new Map<string, bigint>();
      beginnings.forEach((row, r) =>
        row.forEach((beginning, t) => {
          const one = spread[r * length + t];
          expect(tokens[Number(one)]).toBe(BigInt(rows[r][t]));
          expect(positions[Number(one)]).toBe(BigInt(t));
          expect(spread[Number(found[Number(one)])]).toBe(one);
          expect(at.get(beginning) ?? one).toBe(one);
          at.set(beginning, one);
        }),
      );
      expect(new Set(at.values()).size).toBe(distinct);

      const wanted = rows
        .flatMap((row, r) => row.map((token, t) => ({ token, r, t })))
        .filter(({ t }) => t > promptLength);
      wanted.forEach(({ token, r, t }, n) => {
        expect(labels[n]).toBe(BigInt(token));
        expect(predecessors[n]).toBe(spread[r * length + t - 1]);
      });
    }),
  );
});
