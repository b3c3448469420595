/**
 * Parameters as our graphs use them: q, k, v and gate, up fused; projections transposed to [in, out], which onnxruntime
 * packs. Those of a large model are not packed and stay [out, in], since few rows times an unpacked [in, out] take twice
 * as long.
 * `from` names the Hugging Face tensors ([out, in]) that a parameter is put together from, in order.
 */
import type { ModelConfig } from './config.js';
import { hasLargeWeights } from './large.js';
import { type Parameter, parameterList, sizeOf } from './parameter-list.js';

export function parameters(config: ModelConfig): Parameter[] {
  const list = parameterList(config);
  return hasLargeWeights(config) ? list.map(outputsFirst) : list;
}

/** As Hugging Face stores it. */
function outputsFirst(parameter: Parameter): Parameter {
  if (!parameter.transposed) return parameter;
  return { ...parameter, shape: parameter.shape.toReversed(), transposed: false };
}

/** Values by parameter name, in our layout. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Hugging Face tensors -> our layout. @param read gives a tensor [out, in] or [out] as fp32. */
export function fromHuggingFace(config: ModelConfig, read: (name: string) => Float32Array): Map<string, Float32Array> {
  return new Map(
    parameters(config).map((parameter) => [
      parameter.name,
      assembled(
        parameter,
        parameter.from.map(({ name }) => read(name)),
      ),
    ]),
  );
}

/** A parameter put together. @param sources the tensors of `from`, in its order @param out where it is put */
export function assembled(
  { shape, from, transposed }: Parameter,
  sources: readonly Float32Array[],
  out: Float32Array = new Float32Array(sizeOf(shape)),
): Float32Array {
  const width = shape.at(-1)!;
  let offset = 0;
  for (const [k, { outputs }] of from.entries()) {
    const source = sources[k];
    if (transposed) {
      const inputs = source.length / outputs;
      transpose({ values: source, stride: inputs }, outputs, inputs, { values: out.subarray(offset), stride: width });
      offset += outputs;
    } else {
      out.set(source, offset);
      offset += source.length;
    }
  }
  return out;
}

/** Shape of every Hugging Face tensor of the model. */
export function toHuggingFaceShapes(config: ModelConfig): Map<string, readonly number[]> {
  return new Map(
    parameters(config).flatMap(({ shape, from, transposed }) =>
      from.map(({ name, outputs }) => [name, transposed ? [outputs, shape[0]] : [outputs, ...shape.slice(1)]] as const),
    ),
  );
}

/** A tensor whose data is made when asked for, each time anew: all of them at once would be the model a second time. */
export interface MadeTensor {
  readonly shape: readonly number[];
  readonly data: () => Float32Array;
}

/** Our layout -> Hugging Face tensors with their shapes. */
export function toHuggingFace(config: ModelConfig, weights: Weights): Map<string, MadeTensor> {
  return new Map(parameters(config).flatMap((parameter) => takenApart(parameter, () => weights.get(parameter.name)!)));
}

/** Of one parameter. @param source asked for when data is */
export function takenApart(
  { shape, from, transposed }: Parameter,
  source: () => Float32Array,
): (readonly [string, MadeTensor])[] {
  const [inputs] = shape;
  const width = shape.at(-1)!;
  let next = 0;
  return from.map(({ name, outputs }) => {
    const offset = next;
    const tensor = transposed ? [outputs, inputs] : [outputs, ...shape.slice(1)];
    next += transposed ? outputs : sizeOf(tensor);
    const data = (): Float32Array => {
      if (!transposed) return source().slice(offset, offset + sizeOf(tensor));
      const out = new Float32Array(outputs * inputs);
      transpose({ values: source().subarray(offset), stride: width }, inputs, outputs, { values: out, stride: inputs });
      return out;
    };
    return [name, { shape: tensor, data }] as const;
  });
}

/** All zero. */
export const emptyParameters = (config: ModelConfig): Weights =>
  new Map(parameters(config).map(({ name, shape }) => [name, new Float32Array(sizeOf(shape))]));

/** Lines of so many numbers, as far apart in memory: with room between them where a matrix is a part of a wider one. */
interface Matrix {
  readonly values: Float32Array;
  readonly stride: number;
}

/** Rows become columns: in squares small enough that those of both stay in the cache. */
function transpose({ values, stride }: Matrix, rows: number, columns: number, into: Matrix): void {
  const { values: out, stride: outStride } = into;
  const side = 32;
  for (let r0 = 0; r0 < rows; r0 += side) {
    const r1 = Math.min(rows, r0 + side);
    for (let c0 = 0; c0 < columns; c0 += side) {
      const c1 = Math.min(columns, c0 + side);
      for (let c = c0; c < c1; c++) for (let r = r0; r < r1; r++) out[c * outStride + r] = values[r * stride + c];
    }
  }
}
