/** The only file that loads TensorFlow.js; `npm run setup:tfjs` has put it into the cache, with a TensorFlow library. */
import { findTfjs, loadTfjs, takesGpu } from '../../scripts/load-tfjs.mjs';
import { type Binding, TensorFlow } from './device.js';
import { TensorFlowMissing } from './tensorflow-missing.js';

export interface TensorFlowSettings {
  /** Threads of one operator beside a graphics processor. On the CPU it has one: products cut sums by threads on some processors. */
  readonly threads: number;
}

let loaded: TensorFlow | undefined;

/** Once per process: later settings change nothing. @throws TensorFlowMissing */
export function loadTensorFlow({ threads }: TensorFlowSettings): TensorFlow {
  if (loaded) return loaded;
  const found = findTfjs();
  if (!found) throw new TensorFlowMissing();
  // Read by the library when it is loaded.
  process.env['TF_NUM_INTRAOP_THREADS'] = String(takesGpu(found) ? threads : 1);
  process.env['TF_NUM_INTEROP_THREADS'] = '1';
  process.env['TF_ENABLE_ONEDNN_OPTS'] = '1';
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  const tfjs = loadTfjs(found) as { backend(): { readonly binding: Binding } };
  loaded = new TensorFlow(tfjs.backend().binding);
  return loaded;
}
