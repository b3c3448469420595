import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { adamWStep, globalNorm, startAdamW } from '../../algorithm/adamw.js';

const settings = { learningRate: 0.01, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, maxGradNorm: 1 } as const;
const gradient = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 3, maxLength: 3 });

describe('AdamW', () => {
  test('moves every parameter by about the learning rate in its first step, against the gradient', () => {
    const { state } = adamWStep(startAdamW([[0, 0]]), [[0.3, -0.001]], settings);
    expect(state.params[0][0]).toBeCloseTo(-0.01, 6);
    expect(state.params[0][1]).toBeCloseTo(0.01, 6);
  });

  test('only decays without a gradient', () => {
    const { state } = adamWStep(startAdamW([[2, -1]]), [[0, 0]], settings);
    expect([...state.params[0]]).toEqual([2 * (1 - 1e-4), -(1 - 1e-4)]);
  });

  test('treats all gradients beyond the norm alike', () => {
    fc.assert(
      fc.property(gradient, (direction) => {
        fc.pre(globalNorm([direction]) > 2);
        const far = direction.map((value) => value * 1000);
        const near = adamWStep(startAdamW([[0, 0, 0]]), [direction], settings).state;
        const clipped = adamWStep(startAdamW([[0, 0, 0]]), [far], settings).state;
        near.firstMoments[0].forEach((moment, i) => expect(clipped.firstMoments[0][i]).toBeCloseTo(moment, 6));
        expect(globalNorm(near.firstMoments) / (1 - settings.betas[0])).toBeCloseTo(1, 5);
      }),
    );
  });

  test('takes the norm over all tensors together', () => {
    expect(globalNorm([[3], [0, 4]])).toBe(5);
  });

  test.each([NaN, Infinity, -Infinity])('is not touched by a gradient with %s', (bad) => {
    const { state } = adamWStep(startAdamW([[1, 2]]), [[0.5, 0.5]], settings);
    const refused = adamWStep(state, [[0.1, bad]], settings);
    expect(refused.state).toBe(state);
    expect(Number.isFinite(refused.gradNorm)).toBe(false);
  });
});
