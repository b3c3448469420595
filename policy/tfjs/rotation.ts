/**
 * Rotary positions as a product of complex numbers: in queries and keys, the two numbers that rotate together are neighbours
 * (`block-weights.ts`). All projections of a token are multiplied, values by 1.
 */
import { attentionScale, type ModelConfig } from '../model/config.js';
import { ropeTables } from '../model/rope-tables.js';
import type { Tensor, TensorFlow } from './device.js';
import { asComplex, asFloats, conjugate, floats, mul, reshape } from './operators.js';

/** Axes: T tokens, P = heads + 2 kvHeads projections of a token. */
export interface Rotation {
  /** Complex factors of each projection, [T * P, headSize / 2]; those of queries take in attention's scale. */
  readonly turn: Tensor;
  /** Their conjugates: the gradient's factors. */
  readonly turnBack: Tensor;
}

/** x, as rows of one head each, times the factors: [T * P, headSize]. */
export function rotate(tf: TensorFlow, x: Tensor, factors: Tensor): Tensor {
  const half = factors.shape[1];
  return tf.tidy(() => {
    const turned = mul(tf, asComplex(tf, reshape(tf, x, [half, 2])), factors);
    return reshape(tf, asFloats(tf, turned), [2 * half]);
  });
}

/** Factors of every depth so far, of which tokens get copies. */
export class Rotations {
  readonly #width: number;
  /** [depths, P * headSize]: real and imaginary part in turn. */
  #factors = new Float32Array(0);

  constructor(private readonly config: ModelConfig) {
    this.#width = (config.heads + 2 * config.kvHeads) * config.headSize;
  }

  /** @param depths of the tokens */
  of(tf: TensorFlow, depths: Int32Array): Rotation {
    const { headSize } = this.config;
    const width = this.#width;
    this.#reach(depths.reduce((a, b) => Math.max(a, b), 0) + 1);
    const values = new Float32Array(depths.length * width);
    depths.forEach((depth, t) => values.set(this.#factors.subarray(depth * width, (depth + 1) * width), t * width));
    const turn = asComplex(tf, floats(tf, values, [values.length / headSize, headSize / 2, 2]));
    return { turn, turnBack: conjugate(tf, turn) };
  }

  #reach(depths: number): void {
    if (depths * this.#width <= this.#factors.length) return;
    const { heads, kvHeads, headSize } = this.config;
    const half = headSize / 2;
    const { cos, sin } = ropeTables(this.config, depths);
    this.#factors = new Float32Array(depths * this.#width);
    for (let i = 0; i < this.#factors.length; i += 2) {
      const depth = Math.floor(i / this.#width);
      const column = i % this.#width;
      const rotates = column < (heads + kvHeads) * headSize;
      const scale = column < heads * headSize ? attentionScale(this.config) : 1;
      const angle = depth * half + (column % headSize) / 2;
      this.#factors[i] = rotates ? scale * cos[angle] : 1;
      this.#factors[i + 1] = rotates ? scale * sin[angle] : 0;
    }
  }
}
