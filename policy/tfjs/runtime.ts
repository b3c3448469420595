/** The only file that loads TensorFlow.js; `npm run setup:tfjs` has put it into the cache, with a TensorFlow library. */
import { findTfjs, loadTfjs } from '../../scripts/load-tfjs.mjs';
import { TensorFlowMissing } from './tensorflow-missing.js';

/** A tensor on the device, or the handle of a variable. */
export interface Tensor {
  readonly id: number;
  readonly shape: readonly number[];
  dataSync(): Float32Array | Int32Array;
  dispose(): void;
}

export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** What `@tensorflow/tfjs-node` has beyond a backend's interface: any operator of TensorFlow by name. */
interface NodeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: Readonly<
    Record<'TF_FLOAT' | 'TF_ATTR_STRING' | 'TF_ATTR_BOOL' | 'TF_ATTR_INT' | 'TF_ATTR_TYPE' | 'TF_ATTR_SHAPE', number>
  >;
  executeMultipleOutputs(name: string, attributes: OpAttribute[], inputs: Tensor[], outputs: number): Tensor[];
}

/** The part of TensorFlow.js that is used here. */
export interface TensorFlow {
  tensor(values: Float32Array | Int32Array, shape: readonly number[], dtype: 'float32' | 'int32'): Tensor;
  tidy<Result>(work: () => Result): Result;
  keep(tensor: Tensor): Tensor;
  memory(): { readonly numTensors: number; readonly numBytes: number };
  backend(): NodeBackend;
}

export interface TensorFlowSettings {
  /** Threads of one operator. */
  readonly threads: number;
}

let loaded: TensorFlow | undefined;

/** Once per process: later settings change nothing. @throws TensorFlowMissing */
export function loadTensorFlow({ threads }: TensorFlowSettings): TensorFlow {
  if (loaded) return loaded;
  const found = findTfjs();
  if (!found) throw new TensorFlowMissing();
  // Read by the library when it is loaded.
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  process.env['TF_NUM_INTEROP_THREADS'] = '1';
  process.env['TF_ENABLE_ONEDNN_OPTS'] = '1'; // without it, products have other bits with other numbers of threads
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  loaded = loadTfjs(found) as TensorFlow;
  return loaded;
}
