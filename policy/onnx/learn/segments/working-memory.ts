/** Memory that every micro-batch uses again: fresh memory costs more than what is computed in it. */
import { floats, type HostTensor } from '../../host-tensor.js';
import type { Rows } from '../../rows.js';

export class WorkingMemory {
  readonly #arrays = new Map<string, Float32Array>();

  /** @param tokens the most of a micro-batch; @param most of those that go through matrices together */
  constructor(
    readonly tokens: number,
    private readonly most: number,
  ) {}

  /** A matrix [tokens, width]. It holds what was written to that name last. */
  matrix(name: string, tokens: number, width: number): Float32Array {
    return this.#array(name, this.tokens * width).subarray(0, tokens * width);
  }

  /** The same of some rows only, as an operand. */
  rows(name: string, { from, to }: Rows, width: number): HostTensor {
    const array = this.#array(name, Math.min(this.most, this.tokens) * width);
    return floats(array.subarray(0, (to - from) * width), [to - from, width]);
  }

  #array(name: string, length: number): Float32Array {
    const known = this.#arrays.get(name) ?? new Float32Array(length);
    this.#arrays.set(name, known);
    return known;
  }
}
