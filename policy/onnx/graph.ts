/**
 * A graph under construction: nodes in topological order, typed values, named weights as inputs or initialisers.
 * Knows nothing of models; `operators.ts` adds one function per operator, `serialize.ts` turns it into ONNX bytes.
 */

export type ElementType = 'float32' | 'float16' | 'int32' | 'int64' | 'bool';

/** A dimension known now, or the name of one that is known when the graph runs. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/** A tensor in the graph. Identity is its name. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

export type Attribute = number | bigint | string | readonly number[] | Graph;

export interface GraphNode {
  readonly opType: string;
  /** '' for the ONNX operators, 'com.microsoft' for onnxruntime's own. */
  readonly domain: string;
  /** undefined = optional input left out. */
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  /** Integers are given as bigint, floats as number, so that the two cannot be mistaken for each other. */
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Half precision by its bits. */
export type ConstantData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

export interface Initializer {
  readonly value: Value;
  readonly data: ConstantData;
}

/** Thrown when a graph is put together wrongly: a defect of a graph builder, not of a user's input. */
export class GraphDefect extends Error {
  override readonly name = 'GraphDefect';
}

export class Graph {
  readonly nodes: GraphNode[] = [];
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly initializers: Initializer[] = [];
  /** Inputs whose data every run gets by itself. */
  readonly bound: Initializer[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #names: { next: number };

  /** A subgraph shares its parent's names, since it may use the parent's values directly. */
  constructor(readonly parent?: Graph) {
    this.#names = parent ? parent.#names : { next: 0 };
  }

  input(name: string, type: ElementType, shape: Shape): Value {
    const value = { name, type, shape };
    this.inputs.push(value);
    return value;
  }

  /** Marks a value that a node of this graph makes as an output, named as `run` returns it. Later nodes use the result. */
  output(name: string, value: Value): Value {
    // Renaming the value in place of an Identity node spares a copy, which inside a loop is one per token.
    const index = this.nodes.findIndex((node) => node.outputs.includes(value));
    const node = this.nodes[index];
    if (!node) throw new GraphDefect(`output ${name}: ${value.name} is not made by a node of this graph`);
    const renamed = { ...value, name };
    const rename = (v: Value): Value => (v === value ? renamed : v);
    this.nodes[index] = { ...node, outputs: node.outputs.map(rename) };
    for (let i = index + 1; i < this.nodes.length; i++) {
      const user = this.nodes[i];
      if (user.inputs.includes(value)) {
        this.nodes[i] = { ...user, inputs: user.inputs.map((v) => v && rename(v)) };
      }
    }
    this.outputs.push(renamed);
    return renamed;
  }

  /** A named constant that lives in the graph. */
  initializer(name: string, type: ElementType, shape: Shape, data: ConstantData): Value {
    const value = { name, type, shape };
    this.initializers.push({ value, data });
    return value;
  }

  /** A named constant that stays where it is: sessions that are given the same data share it. */
  boundInput(name: string, type: ElementType, shape: Shape, data: ConstantData): Value {
    const value = this.input(name, type, shape);
    this.bound.push({ value, data });
    return value;
  }

  floats(shape: readonly number[], data: readonly number[]): Value {
    return this.#constant('float32', shape, data, () => Float32Array.from(data));
  }

  float(x: number): Value {
    return this.floats([], [x]);
  }

  int64s(data: readonly number[]): Value {
    return this.#constant('int64', [data.length], data, () => BigInt64Array.from(data, BigInt));
  }

  int64(x: number): Value {
    return this.#constant('int64', [], [x], () => BigInt64Array.of(BigInt(x)));
  }

  int32(x: number): Value {
    return this.#constant('int32', [], [x], () => Int32Array.of(x));
  }

  bool(x: boolean): Value {
    return this.#constant('bool', [], [Number(x)], () => Uint8Array.of(Number(x)));
  }

  node(
    opType: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly { type: ElementType; shape: Shape; name?: string }[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value[] {
    const values = outputs.map(({ type, shape, name }) => ({ name: name ?? this.#fresh(opType), type, shape }));
    this.nodes.push({ opType, domain, inputs, outputs: values, attributes });
    return values;
  }

  #fresh(hint: string): string {
    return `${hint}_${this.#names.next++}`;
  }

  #constant(type: ElementType, shape: readonly number[], data: readonly number[], make: () => ConstantData): Value {
    const key = `${type}[${shape.join()}]${data.join()}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const value = this.initializer(this.#fresh('const'), type, shape, make());
    this.#constants.set(key, value);
    return value;
  }
}
