/** Rotary positions as two products: x * cos + (x turned by a right angle) * sin, over all projections of a token at once. */
import { attentionScale, type ModelConfig, ropeCaches } from '../transformer/config.js';
import { floats } from './operators.js';
import type { Tensor, TensorFlow } from './device.js';

/** Axes: T tokens, P = heads + 2 kvHeads projections of a token. */
export interface Rotation {
  /** Of each projection, [T * P, headSize] each: 1 and 0 for values; those of queries take in attention's scale. */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** x times it is x turned by a right angle, [headSize, headSize]. */
  readonly quarterTurn: Tensor;
}

/** Factors of every depth so far, of which tokens get copies. */
export class Rotations {
  readonly #width: number;
  readonly #quarterTurn: Float32Array;
  /** [depths, P * headSize] */
  #cos = new Float32Array(0);
  #sin = new Float32Array(0);

  constructor(private readonly config: ModelConfig) {
    const { heads, kvHeads, headSize } = config;
    this.#width = (heads + 2 * kvHeads) * headSize;
    this.#quarterTurn = new Float32Array(headSize * headSize);
    const half = headSize / 2;
    for (let i = 0; i < half; i++) {
      this.#quarterTurn[(i + half) * headSize + i] = -1;
      this.#quarterTurn[i * headSize + i + half] = 1;
    }
  }

  /** @param depths of the tokens */
  of(tf: TensorFlow, depths: Int32Array): Rotation {
    const { headSize } = this.config;
    this.#reach(depths.reduce((a, b) => Math.max(a, b), 0) + 1);
    const ofTokens = (table: Float32Array): Tensor => {
      const width = this.#width;
      const values = new Float32Array(depths.length * width);
      depths.forEach((depth, t) => values.set(table.subarray(depth * width, (depth + 1) * width), t * width));
      return floats(tf, values, [values.length / headSize, headSize]);
    };
    return {
      cos: ofTokens(this.#cos),
      sin: ofTokens(this.#sin),
      quarterTurn: floats(tf, this.#quarterTurn, [headSize, headSize]),
    };
  }

  #reach(depths: number): void {
    if (depths * this.#width <= this.#cos.length) return;
    const { heads, kvHeads, headSize } = this.config;
    const half = headSize / 2;
    const caches = ropeCaches(this.config, depths);
    this.#cos = new Float32Array(depths * this.#width).fill(1);
    this.#sin = new Float32Array(depths * this.#width);
    for (let depth = 0; depth < depths; depth++) {
      for (let i = 0; i < (heads + kvHeads) * headSize; i++) {
        const scale = i < heads * headSize ? attentionScale(this.config) : 1;
        const angle = depth * half + ((i % headSize) % half);
        this.#cos[depth * this.#width + i] = scale * caches.cos[angle];
        this.#sin[depth * this.#width + i] = scale * caches.sin[angle];
      }
    }
  }
}
