import fc from 'fast-check';
import { expect, test } from 'vitest';
import { leafRows } from '../../../tools/bench/leaf-rows.js';
import { packed } from '../../../tools/bench/real/trees.js';

const LENGTH = 12;
const rollout = (first: number, length: number) => ({
  tokens: Int32Array.from({ length }, (_, t) => first + t),
  logProbs: new Float32Array(length).fill(-1),
  finished: false,
});

test('every path of a packed tree is the prompt, what is kept of the response, and a branch to its end', () => {
  const kept = fc.array(fc.integer({ min: 1, max: LENGTH - 1 }), { maxLength: 4 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), kept, (promptLength, points) => {
      const prompt = Array.from({ length: promptLength }, (_, t) => t);
      const response = { prompt, ...rollout(100, LENGTH) };
      const branches = points.map((point, i) => ({ kept: point, ...rollout(1000 * (i + 1), LENGTH - point) }));
      const paths = leafRows(packed(response, branches)).map(({ tokens }) => [...tokens].join());
      const whole = [...prompt, ...response.tokens];
      const wanted = branches.map(({ kept, tokens }) => [...whole.slice(0, promptLength + kept), ...tokens].join());
      expect(paths.toSorted()).toEqual([whole.join(), ...wanted].toSorted());
    }),
  );
});
