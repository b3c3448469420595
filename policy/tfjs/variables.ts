/** One number per parameter's number on the device, changed in place: weights, moments, sums of gradients. */
import type { ModelConfig } from '../model/config.js';
import { parameters, type Weights } from '../model/parameters.js';
import { type Parameter, sizeOf } from '../model/parameter-list.js';
import { assign, assignAdd, destroyVariable, floats, readVariable, scatterAdd, variable } from './operators.js';
import type { Tensor, TensorFlow } from './device.js';

/** TensorFlow knows variables by name. */
let made = 0;

export class Variables {
  readonly #handles: ReadonlyMap<string, Tensor>;
  readonly #shapes: ReadonlyMap<string, readonly number[]>;
  /** Names of those that are zero and not yet written as such: what comes first takes the place of a sum with nothing. */
  readonly #zero = new Set<string>();

  /** @param values zeros where left out */
  constructor(
    private readonly tf: TensorFlow,
    config: ModelConfig,
    values?: Weights,
  ) {
    const list = parameters(config);
    this.#shapes = new Map(list.map(({ name, shape }) => [name, shape]));
    const handleOf = ({ name, shape }: Parameter): [string, Tensor] => [name, variable(tf, `${name} ${made++}`, shape)];
    this.#handles = new Map(list.map(handleOf));
    if (!values) this.clear();
    // A copy, because TensorFlow goes on using the memory it is given.
    else for (const [name, data] of values) this.#set(name, data.slice());
  }

  get names(): string[] {
    return [...this.#handles.keys()];
  }

  handle(name: string): Tensor {
    if (this.#zero.has(name)) this.#set(name, new Float32Array(sizeOf(this.#shapes.get(name)!)));
    return this.#handles.get(name)!;
  }

  /** The value as it is now. While it is held, a change of the variable costs a copy. */
  read(name: string): Tensor {
    return readVariable(this.tf, this.handle(name));
  }

  add(name: string, value: Tensor): void {
    if (this.#zero.delete(name)) assign(this.tf, this.#handles.get(name)!, value);
    else assignAdd(this.tf, this.handle(name), value);
  }

  assign(name: string, value: Tensor): void {
    this.#zero.delete(name);
    assign(this.tf, this.#handles.get(name)!, value);
  }

  /** Adds to rows; an index may come several times. */
  addRows(name: string, indices: Tensor, values: Tensor): void {
    scatterAdd(this.tf, this.handle(name), indices, values);
  }

  /** Makes all zero. */
  clear(): void {
    for (const name of this.#shapes.keys()) this.#zero.add(name);
  }

  /** @param values belong to TensorFlow until the next `set`, or `clear` and `add`: they may not be changed meanwhile */
  set(values: Weights): void {
    for (const [name, data] of values) this.#set(name, data);
  }

  /** A copy. */
  download(name: string): Float32Array {
    return this.tf.tidy(() => this.read(name).dataSync() as Float32Array);
  }

  downloadAll(): Map<string, Float32Array> {
    return new Map(this.names.map((name) => [name, this.download(name)]));
  }

  dispose(): void {
    for (const handle of this.#handles.values()) {
      destroyVariable(this.tf, handle);
      handle.dispose();
    }
  }

  #set(name: string, data: Float32Array): void {
    this.#zero.delete(name);
    this.tf.tidy(() => assign(this.tf, this.#handles.get(name)!, floats(this.tf, data, this.#shapes.get(name)!)));
  }
}
