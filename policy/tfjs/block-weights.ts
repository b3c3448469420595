/**
 * Weights as the blocks take them, computed once for all micro-batches of a pass: with the norms' scales taken in, gate and
 * up apart, and the columns of queries and keys such that the two numbers that rotate together are neighbours. Gradients are
 * summed in these terms, and turned into those of the parameters at the end.
 */
import type { ModelConfig } from '../model/config.js';
import type { Tensor, TensorFlow } from './device.js';
import { gather, gatherColumns, halves, int32s, mul, sumLast } from './operators.js';
import { scaled } from './rms-norm.js';
import type { Variables } from './variables.js';

export class BlockWeights {
  readonly #held = new Map<string, readonly Tensor[]>();

  /** @param holds what was computed, until `close`; else it is computed each time: of a large model it would be much */
  constructor(
    private readonly tf: TensorFlow,
    private readonly config: ModelConfig,
    private readonly parameters: Variables,
    private readonly holds: boolean,
  ) {}

  /** A parameter as it is. */
  read(name: string): Tensor {
    return this.#of(name, () => [this.parameters.read(name)])[0];
  }

  /** [hidden, qkv] */
  qkv(layer: number): Tensor {
    return this.#of(`qkv ${layer}`, () => {
      const weight = scaled(
        this.tf,
        this.parameters.read(`layer${layer}.qkv`),
        this.parameters.read(`layer${layer}.inputNorm`),
      );
      return [gatherColumns(this.tf, weight, order(this.tf, neighbours(this.config)))];
    })[0];
  }

  /** [qkv] */
  qkvBias(layer: number): Tensor {
    const bias = (): Tensor => this.parameters.read(`layer${layer}.qkvBias`);
    return this.#of(`bias ${layer}`, () => [gather(this.tf, bias(), order(this.tf, neighbours(this.config)))])[0];
  }

  /** [hidden, intermediate] each. */
  gateUp(layer: number): readonly Tensor[] {
    return this.#of(`gateUp ${layer}`, () => {
      const both = this.parameters.read(`layer${layer}.gateUp`);
      return halves(this.tf, scaled(this.tf, both, this.parameters.read(`layer${layer}.postNorm`)));
    });
  }

  /** Turns the sums into gradients of the parameters. */
  finish(gradients: Variables): void {
    const { tf, config, parameters } = this;
    const back = inverse(neighbours(config));
    for (let layer = 0; layer < config.layers; layer++) {
      const name = (parameter: string): string => `layer${layer}.${parameter}`;
      const finishScaled = (weight: string, norm: string, gradient: Tensor): void => {
        gradients.assign(name(norm), sumLast(tf, mul(tf, gradient, parameters.read(name(weight)))));
        gradients.assign(name(weight), scaled(tf, gradient, parameters.read(name(norm))));
      };
      tf.tidy(() => {
        gradients.assign(name('qkvBias'), gather(tf, gradients.read(name('qkvBias')), order(tf, back)));
        finishScaled('qkv', 'inputNorm', gatherColumns(tf, gradients.read(name('qkv')), order(tf, back)));
        finishScaled('gateUp', 'postNorm', gradients.read(name('gateUp')));
      });
    }
  }

  /** To be called before the parameters change. */
  close(): void {
    for (const tensors of this.#held.values()) for (const tensor of tensors) tensor.dispose();
    this.#held.clear();
  }

  #of(key: string, make: () => readonly Tensor[]): readonly Tensor[] {
    if (!this.holds) return this.tf.tidy(make);
    const known = this.#held.get(key);
    if (known) return known;
    const made = this.tf.lasting(make);
    this.#held.set(key, made);
    return made;
  }
}

const order = (tf: TensorFlow, columns: Int32Array): Tensor => int32s(tf, columns, [columns.length]);

/** Column of the parameter for each column of `qkv`. */
function neighbours({ heads, kvHeads, headSize }: ModelConfig): Int32Array {
  const half = headSize / 2;
  return Int32Array.from({ length: (heads + 2 * kvHeads) * headSize }, (_, column) => {
    if (column >= (heads + kvHeads) * headSize) return column;
    const at = column % headSize;
    return column - at + (at % 2) * half + Math.floor(at / 2);
  });
}

function inverse(columns: Int32Array): Int32Array {
  const places = new Int32Array(columns.length);
  columns.forEach((column, i) => (places[column] = i));
  return places;
}
