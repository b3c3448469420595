import type { ElementType } from './graph.js';

export type TensorData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** A tensor in JavaScript memory; onnxruntime reads and (as a given output) writes it in place, without a copy. */
export interface HostTensor {
  readonly type: ElementType;
  readonly data: TensorData;
  readonly dims: readonly number[];
}

export const floats = (data: Float32Array, dims: readonly number[]): HostTensor => ({ type: 'float32', data, dims });
export const int32s = (data: Int32Array, dims: readonly number[]): HostTensor => ({ type: 'int32', data, dims });
export const int64s = (data: BigInt64Array, dims: readonly number[]): HostTensor => ({ type: 'int64', data, dims });

/** `TypedArray.from` with a function takes ten times as long. */
export function bigInt64Array(length: number, valueAt: (i: number) => number): BigInt64Array {
  const values = new BigInt64Array(length);
  for (let i = 0; i < length; i++) values[i] = BigInt(valueAt(i));
  return values;
}
