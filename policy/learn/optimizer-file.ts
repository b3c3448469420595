/**
 * Optimiser state as safetensors, in terms that any learner understands: per Hugging Face tensor `m.NAME` and `v.NAME`
 * (first and second moment, in its layout) and the number of steps, `steps` int64 [1].
 */
import { SafetensorsFile, writeSafetensors } from '../../store/safetensors-file.js';
import type { ModelConfig } from '../qwen2/config.js';
import { fromHuggingFace, toHuggingFace, type Weights } from '../qwen2/parameters.js';
import type { OptimizerState } from './adamw.js';
import { parameterBuffer } from './parameter-buffer.js';

export function freshOptimizer(config: ModelConfig): OptimizerState {
  return { steps: 0, firstMoments: parameterBuffer(config), secondMoments: parameterBuffer(config) };
}

/** @throws CheckpointDamaged */
export async function readOptimizer(config: ModelConfig, path: string): Promise<OptimizerState> {
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = new Map<string, Float32Array>();
    for (const name of file.header.tensors.keys()) {
      if (name !== 'steps') tensors.set(name, (await file.read(name)) as Float32Array);
    }
    const moments = (prefix: string) =>
      parameterBuffer(
        config,
        fromHuggingFace(config, (name) => tensors.get(`${prefix}.${name}`)!),
      );
    const [steps] = (await file.read('steps')) as BigInt64Array;
    return { steps: Number(steps), firstMoments: moments('m'), secondMoments: moments('v') };
  } finally {
    await file.close();
  }
}

export async function writeOptimizer(config: ModelConfig, state: OptimizerState, path: string): Promise<void> {
  const named = (prefix: string, weights: Weights) =>
    [...toHuggingFace(config, weights)].map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const);
  await writeSafetensors(path, {
    ...Object.fromEntries([...named('m', state.firstMoments.views), ...named('v', state.secondMoments.views)]),
    steps: BigInt64Array.of(BigInt(state.steps)),
  });
}

/** Hugging Face names and layout, float32. */
export async function writeWeights(config: ModelConfig, weights: Weights, path: string): Promise<void> {
  await writeSafetensors(path, Object.fromEntries(toHuggingFace(config, weights)), { format: 'pt' });
}
