/**
 * Pieces of the model with gradients of their own, run forward and then backward. `tf.grad` would keep a record of every
 * operator for what is known here: the blocks' order, and what each of them needs again.
 */
import type { Tensor, TensorFlow } from './device.js';

/** Gradients of weights are added up where they arise; only those of activations are passed on. */
export interface Block {
  /** `kept`: what `backward` needs. */
  forward(x: Tensor): { readonly y: Tensor; readonly kept: Tensor[] };
  backward(kept: Tensor[], dy: Tensor): Tensor;
}

/** @returns y, and nothing else of the way there */
export function forward(tf: TensorFlow, blocks: readonly Block[], x: Tensor): Tensor {
  return tf.tidy(() => blocks.reduce((given, block) => tf.tidy(() => block.forward(given).y), x));
}

/**
 * Forward, to what the end of it makes of y, and backward.
 * @param recomputes keep the input of each block alone and compute the rest again: small instead of fast
 * @param gradientOf y
 * @returns the gradient of x
 */
export function forwardAndBackward(
  tf: TensorFlow,
  blocks: readonly Block[],
  x: Tensor,
  gradientOf: (y: Tensor) => Tensor,
  recomputes: boolean,
): Tensor {
  /** Per block what it keeps: its input alone, or what it needs. */
  const keptBy: Tensor[][] = [];
  let y = x;
  for (const block of blocks) {
    const given = y;
    const [next, ...kept] = tf.tidy(() => {
      const results = block.forward(given);
      return [results.y, ...(recomputes ? [] : results.kept)];
    });
    if (!recomputes && given !== x) given.dispose();
    keptBy.push(recomputes ? [given] : kept);
    y = next;
  }
  let dy = tf.tidy(() => gradientOf(y));
  y.dispose();
  for (const block of blocks.toReversed()) {
    const kept = keptBy.pop()!;
    const after = dy;
    dy = tf.tidy(() => block.backward(recomputes ? tf.tidy(() => block.forward(kept[0]).kept) : kept, after));
    for (const tensor of [after, ...kept]) tensor.dispose();
  }
  return dy;
}
