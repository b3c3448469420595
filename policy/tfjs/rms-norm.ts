/** x / its root mean square, with its gradient. Scales of norms go into what follows: a matrix, which is smaller than x. */
import { add, constant, meanLast, mul, reshape, rsqrt, square, sub } from './operators.js';
import type { Tensor, TensorFlow } from './device.js';

/** 1 / root mean square of each row: [T, 1]. */
export function inverseRms(tf: TensorFlow, x: Tensor, eps: number): Tensor {
  return tf.tidy(() => rsqrt(tf, add(tf, meanLast(tf, square(tf, x)), constant(tf, eps))));
}

/** Gradient of x from that of n = x * inverse. */
export function rmsNormGradient(tf: TensorFlow, n: Tensor, inverse: Tensor, dn: Tensor): Tensor {
  return tf.tidy(() => {
    const mean = meanLast(tf, mul(tf, dn, n));
    return mul(tf, sub(tf, dn, mul(tf, n, mean)), inverse);
  });
}

/** weight [in, out] with the norm's scale [in] taken in. */
export function scaled(tf: TensorFlow, weight: Tensor, scale: Tensor): Tensor {
  return mul(tf, weight, reshape(tf, scale, [1]));
}
