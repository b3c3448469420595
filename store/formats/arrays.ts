import type { NumericArray } from '../safetensors/dtype.js';

/** Named flat arrays: what a safetensors artifact of ours holds. */
export type Arrays = Readonly<Record<string, NumericArray>>;

export function int32(arrays: Arrays, name: string): Int32Array {
  const array = arrays[name];
  if (!(array instanceof Int32Array)) throw new Error(`artifact without int32 array "${name}"`);
  return array;
}

export function float32(arrays: Arrays, name: string): Float32Array {
  const array = arrays[name];
  if (!(array instanceof Float32Array)) throw new Error(`artifact without float32 array "${name}"`);
  return array;
}
