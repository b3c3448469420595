import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeRollouts, encodeRollouts } from '../../store/formats/rollouts.js';
import type { StoredRollout } from '../../contracts/artifacts/stored-rollout.js';
import { decodeRows, encodeRows } from '../../store/formats/rows.js';
import { decodeScores, encodeScores } from '../../store/formats/scores.js';
import { decodeSafetensors, encodeSafetensors } from '../../store/safetensors/safetensors.js';

const ints = (length: number) =>
  fc.array(fc.nat(0x7fff_ffff), { minLength: length, maxLength: length }).map((list) => Int32Array.from(list));
const floats = (length: number) =>
  fc.array(fc.float({ noNaN: true }), { minLength: length, maxLength: length }).map((list) => Float32Array.from(list));
const length = fc.nat(7);
const stored = <T>(arrays: T): T => decodeSafetensors(encodeSafetensors(arrays as never)) as T;

it('rollouts come back as they were, empty ones too', () => {
  const rollout: fc.Arbitrary<StoredRollout> = length.chain((tokens) =>
    fc.record({
      problem: fc.nat(99),
      response: fc.nat(9),
      branch: fc.nat(9),
      at: fc.nat(99),
      finished: fc.boolean(),
      tokens: ints(tokens),
      logProbs: floats(tokens),
    }),
  );
  fc.assert(
    fc.property(fc.array(rollout), (rollouts) => {
      expect(decodeRollouts(stored(encodeRollouts(rollouts)))).toEqual(rollouts);
    }),
  );
});

it('scores come back as they were', () => {
  const score = fc.tuple(length, length).chain(([tokens, steps]) =>
    fc.record({
      logProbs: floats(tokens),
      entropies: floats(tokens),
      influence: floats(steps),
      stepEnds: ints(steps),
    }),
  );
  fc.assert(
    fc.property(fc.array(score), (scores) => {
      expect(decodeScores(stored(encodeScores(scores)))).toEqual(scores);
      const none = new Float32Array();
      const unscored = scores.map(({ stepEnds }) => ({ logProbs: none, entropies: none, influence: none, stepEnds }));
      expect(decodeScores(stored(encodeScores(unscored)))).toEqual(unscored);
    }),
  );
});

it('training rows come back as they were', () => {
  const row = length.chain((tokens) =>
    fc.record({
      problem: fc.nat(99),
      paths: fc.nat(99),
      sequence: fc.record({
        tokens: ints(tokens),
        predecessors: ints(tokens),
        weights: floats(tokens),
        advantages: floats(tokens),
        oldLogProbs: floats(tokens),
      }),
    }),
  );
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      expect(decodeRows(stored(encodeRows(rows)))).toEqual(rows);
      const unscored = rows.map(({ sequence: { oldLogProbs: _, ...sequence }, ...row }) => ({ ...row, sequence }));
      expect(decodeRows(stored(encodeRows(unscored)))).toEqual(unscored);
    }),
  );
});

it('an iteration without training rows has the bytes it always had', () => {
  expect(encodeRows([])).toHaveProperty('old_log_probs', new Float32Array());
});
