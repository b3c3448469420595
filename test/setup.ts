/** Matchers for arrays of numbers. */
import { expect } from 'vitest';

interface Tolerance {
  /** Relative to the expected number; 1e-6 when left out. */
  readonly rtol?: number;
  /** Absolute; 1e-8 when left out. */
  readonly atol?: number;
}

expect.extend({
  toBeAllclose(received: ArrayLike<number>, expected: ArrayLike<number>, { rtol = 1e-6, atol = 1e-8 }: Tolerance = {}) {
    if (received.length !== expected.length) {
      return { pass: false, message: () => `${received.length} numbers instead of ${expected.length}` };
    }
    const isClose = (i: number) =>
      Object.is(received[i], expected[i]) || Math.abs(received[i] - expected[i]) <= atol + rtol * Math.abs(expected[i]);
    const off = Array.from(received, (_, i) => i).filter((i) => !isClose(i));
    const shown = off.slice(0, 5).map((i) => `[${i}] ${received[i]} instead of ${expected[i]}`);
    return {
      pass: off.length === 0,
      message: () =>
        off.length === 0
          ? `all ${expected.length} numbers are within rtol ${rtol}, atol ${atol}`
          : `${off.length} of ${expected.length} numbers are off (rtol ${rtol}, atol ${atol}): ${shown.join('; ')}`,
    };
  },
});

declare module 'vitest' {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the declaration that is extended has it
  interface Matchers<T = any> {
    /** Each number within atol + rtol·|expected|; NaN equals NaN. */
    toBeAllclose(expected: ArrayLike<number>, tolerance?: Tolerance): T;
  }
}
