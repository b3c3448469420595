/**
 * Pieces of the model with gradients of their own, run forward and then backward. `tf.grad` would keep a record of every
 * operator for what is known here: the blocks' order, and what each of them needs again.
 */
import type { Tensor, TensorFlow } from './device.js';

/** Gradients of weights are added up where they arise; only those of activations are passed on. */
export interface Block {
  /** `kept`: what `backward` needs beside x. */
  forward(x: Tensor): { readonly y: Tensor; readonly kept: Tensor[] };
  backward(x: Tensor, kept: Tensor[], dy: Tensor): Tensor;
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
  const inputs: Tensor[] = [];
  const keptBy: Tensor[][] = [];
  let y = x;
  for (const block of blocks) {
    inputs.push(y);
    const [next, ...kept] = tf.tidy(() => {
      const results = block.forward(y);
      return [results.y, ...(recomputes ? [] : results.kept)];
    });
    keptBy.push(kept);
    y = next;
  }
  let dy = tf.tidy(() => gradientOf(y));
  y.dispose();
  for (const block of blocks.toReversed()) {
    const [input, kept] = [inputs.pop()!, keptBy.pop()!];
    const dx = tf.tidy(() => {
      const needed = recomputes ? tf.tidy(() => block.forward(input).kept) : kept;
      return block.backward(input, needed, dy);
    });
    for (const tensor of [dy, ...kept, ...(input === x ? [] : [input])]) tensor.dispose();
    dy = dx;
  }
  return dy;
}
