/**
 * Tensors on the device, and TensorFlow's operators by name: the addon of TensorFlow.js without the layers above it. A step
 * of a small model is some thousand operators, each of which would cost more there than it takes to compute.
 */

export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

type AttributeType = 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_ATTR_INT' | 'TF_ATTR_TYPE' | 'TF_ATTR_SHAPE';

/** What is used of the addon; tensors are numbers to it. */
export interface Binding extends Readonly<Record<AttributeType | 'TF_FLOAT' | 'TF_INT32' | 'TF_COMPLEX64', number>> {
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): Float32Array | Int32Array;
  executeOp(
    name: string,
    attributes: readonly OpAttribute[],
    inputs: readonly number[],
    outputs: number,
  ): { readonly id: number; readonly shape: readonly number[] }[];
}

/** A tensor on the device, or the handle of a variable. */
export class Tensor {
  #disposed = false;

  constructor(
    private readonly tf: TensorFlow,
    readonly id: number,
    readonly shape: readonly number[],
  ) {}

  /** A copy, once all that it depends on is computed. */
  dataSync(): Float32Array | Int32Array {
    return this.tf.binding.tensorDataSync(this.id);
  }

  /** May be called again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.tf.release(this);
  }
}

export class TensorFlow {
  /** Tensors made since the innermost `tidy` began. */
  #scope: Tensor[] | undefined;
  #tensors = 0;
  readonly #constants = new Map<string, Tensor>();

  constructor(readonly binding: Binding) {}

  /** Tensors that exist now, without constants. */
  get tensors(): number {
    return this.#tensors;
  }

  /** TensorFlow may go on using the memory of `values`. */
  tensor(values: Float32Array | Int32Array, shape: readonly number[]): Tensor {
    const { TF_FLOAT, TF_INT32 } = this.binding;
    const type = values instanceof Float32Array ? TF_FLOAT : TF_INT32;
    return this.#made(this.binding.createTensor(shape, type, values), shape);
  }

  /** A tensor of few numbers that recurs: made once, and never disposed of. There must not be many of them. */
  constant(values: Float32Array | Int32Array, shape: readonly number[]): Tensor {
    const key = `${values.constructor.name} ${values.join()} [${shape.join()}]`;
    const known = this.#constants.get(key);
    if (known) return known;
    const made = this.lasting(() => this.tensor(values, shape));
    this.#tensors--;
    this.#constants.set(key, made);
    return made;
  }

  run(name: string, inputs: readonly Tensor[], attributes: readonly OpAttribute[], outputs: number): Tensor[] {
    const ids = inputs.map(({ id }) => id);
    return this.binding.executeOp(name, attributes, ids, outputs).map(({ id, shape }) => this.#made(id, shape));
  }

  /** Disposes of all tensors that the work makes and does not return, by itself or in an array. */
  tidy<Result>(work: () => Result): Result {
    const outer = this.#scope;
    const made: Tensor[] = (this.#scope = []);
    let returned: readonly unknown[] = [];
    try {
      const result = work();
      returned = Array.isArray(result) ? result : [result];
      return result;
    } finally {
      this.#scope = outer;
      for (const tensor of made) {
        if (returned.includes(tensor)) outer?.push(tensor);
        else tensor.dispose();
      }
    }
  }

  /** As `tidy`, and what the work returns outlives every other one under way, too. */
  lasting<Result>(work: () => Result): Result {
    const scope = this.#scope;
    this.#scope = undefined;
    try {
      return this.tidy(work);
    } finally {
      this.#scope = scope;
    }
  }

  release({ id }: Tensor): void {
    this.#tensors--;
    this.binding.deleteTensor(id);
  }

  #made(id: number, shape: readonly number[]): Tensor {
    const tensor = new Tensor(this, id, shape);
    this.#tensors++;
    this.#scope?.push(tensor);
    return tensor;
  }
}
