import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type StepFactors, stepKernel } from '../../../policy/training/adamw-kernel.js';

const finite = (min: number) => fc.float({ min, max: Math.fround(1e6), noNaN: true });
const tensor = (length: number, min = Math.fround(-1e6)) =>
  fc
    .array(finite(min), { minLength: length, maxLength: length, size: 'max' })
    .map((values) => Float32Array.from(values));

/** Lengths about the size of a block, of one parameter, and of none. */
const tensors = fc
  .constantFrom(0, 1, 2, 5, 4095, 4096, 4097, 9001)
  .chain((length) =>
    fc.record({ weight: tensor(length), gradient: tensor(length), first: tensor(length), second: tensor(length, 0) }),
  );

const share = fc.double({ min: 0, max: 1, noNaN: true });
const factors: fc.Arbitrary<StepFactors> = fc.record({
  scale: share,
  beta1: share,
  rest1: share,
  beta2: share,
  rest2: share,
  keep: share,
  stepSize: share,
  deviationScale: fc.double({ min: 1, max: 1e3, noNaN: true }),
  eps: fc.double({ min: 1e-12, max: 1e-3, noNaN: true }),
});

describe('the kernel of AdamW', () => {
  it('has the bits of a loop in JavaScript', async () => {
    const step = await stepKernel();
    fc.assert(
      fc.property(tensors, factors, (given, f) => {
        const expected = inJavaScript(given, f);
        step(given, f);
        expect(given).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
});

function inJavaScript(
  { weight, gradient, first, second }: Parameters<Awaited<ReturnType<typeof stepKernel>>>[0],
  f: StepFactors,
) {
  const moments1 = first.map((value, i) => f.beta1 * value + f.rest1 * (gradient[i] * f.scale));
  const moments2 = second.map(
    (value, i) => f.beta2 * value + f.rest2 * (gradient[i] * f.scale) * (gradient[i] * f.scale),
  );
  const moved = weight.map((value, i) => {
    const d = gradient[i] * f.scale;
    const [m, v] = [f.beta1 * first[i] + f.rest1 * d, f.beta2 * second[i] + f.rest2 * d * d];
    return value * f.keep - (f.stepSize * m) / (Math.sqrt(v) * f.deviationScale + f.eps);
  });
  return { weight: moved, gradient: gradient.slice(), first: moments1, second: moments2 };
}
