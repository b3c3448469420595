/** A piece of the model with its gradient, and two ways to keep what the gradient needs until it is asked for. */
import type { Tensor, TensorFlow } from './runtime.js';

/** Gradients of weights are added up where they arise; only those of activations are passed on. */
export interface Block {
  /** `kept`: what `backward` needs beside x. */
  forward(x: Tensor): { readonly y: Tensor; readonly kept: Tensor[] };
  backward(x: Tensor, kept: Tensor[], dy: Tensor): Tensor;
}

/** Keeps all of it: fast. */
export function keeping(tf: TensorFlow, block: Block): (x: Tensor) => Tensor {
  return tf.customGrad((x, save) => {
    const { y, kept } = block.forward(x);
    save([x, ...kept]);
    const gradFunc = (dy: Tensor, [input, ...rest]: Tensor[]): Tensor => {
      const dx = block.backward(input, rest, dy);
      for (const tensor of [input, ...rest]) tensor.dispose(); // TensorFlow.js would hold it until the last gradient
      return dx;
    };
    return { value: y, gradFunc };
  });
}

/** Keeps the input alone and computes the rest again: small. */
export function recomputing(tf: TensorFlow, block: Block): (x: Tensor) => Tensor {
  return keeping(tf, {
    forward: (x) => ({ y: block.forward(x).y, kept: [] }),
    backward: (x, _, dy) => {
      const kept = tf.tidy(() => block.forward(x).kept);
      return block.backward(x, kept, dy);
    },
  });
}
