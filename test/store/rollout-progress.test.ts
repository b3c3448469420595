import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeRolloutProgress, joinRolloutProgress } from '../../store/formats/rollout-progress.js';
import type { Growth } from '../../contracts/engine/engine.js';

/** The whole rollout that attempts report pieces of: each token is the same in every attempt. */
const token = (request: number, at: number): number => request * 1000 + at;

function piece(request: number, from: number, to: number, length: number): Growth {
  const tokens = Int32Array.from({ length: to - from }, (_, i) => token(request, from + i));
  const ended = to === length;
  return { request, from, tokens, logProbs: Float32Array.from(tokens, (t) => -t), finished: ended, ended };
}

const ROLLOUTS = 3;
const pieces = fc.array(
  fc.record({
    request: fc.nat(ROLLOUTS - 1),
    from: fc.nat(20),
    length: fc.integer({ min: 1, max: 8 }),
    torn: fc.boolean(),
  }),
  { maxLength: 40 },
);

it('whatever attempts wrote, in whichever overlap: a whole beginning of each rollout, and never a token that was not there', () =>
  fc.assert(
    fc.property(pieces, (written) => {
      const records = written.map(({ request, from, length }) =>
        Buffer.from(encodeRolloutProgress([piece(request, from, from + length, 28)])),
      );
      const joined = joinRolloutProgress(records, ROLLOUTS);
      joined.forEach(({ tokens, logProbs, ended }, request) => {
        let known = 0;
        for (const one of written.filter((each) => each.request === request)) {
          if (one.from <= known) known = Math.max(known, one.from + one.length);
        }
        expect(tokens).toEqual(Int32Array.from({ length: known }, (_, at) => token(request, at)));
        expect(logProbs).toEqual(Float32Array.from(tokens, (t) => -t));
        expect(ended).toBe(known === 28);
      });
    }),
  ));
