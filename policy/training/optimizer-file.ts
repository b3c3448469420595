/**
 * Optimiser state as safetensors, in terms that any learner understands: per Hugging Face tensor `m.NAME` and `v.NAME`
 * (first and second moment, in its layout) and the number of steps, `steps` int64 [1].
 */
import type { TensorInput } from '../../store/safetensors/safetensors.js';
import { SafetensorsFile, writeSafetensors } from '../../store/safetensors/file.js';
import type { ModelConfig } from '../model/config.js';
import { assembled, parameters, takenApart, toHuggingFace, type Weights } from '../model/parameters.js';
import type { OptimizerState } from './adamw.js';
import type { Moments } from './moments.js';

const MOMENTS = ['m', 'v'] as const;

/** @param moments to be filled. @throws CheckpointDamaged */
export async function readOptimizer(config: ModelConfig, path: string, moments: Moments): Promise<OptimizerState> {
  const file = await SafetensorsFile.open(path);
  try {
    for (const parameter of parameters(config)) {
      const whole = async (prefix: string): Promise<Float32Array> => {
        const tensors: Float32Array[] = [];
        for (const { name } of parameter.from) tensors.push((await file.read(`${prefix}.${name}`)) as Float32Array);
        return assembled(parameter, tensors);
      };
      const [m, v] = [await whole('m'), await whole('v')];
      await moments.change([parameter.name], (_, first, second, from) => {
        first.set(m.subarray(from, from + first.length));
        second.set(v.subarray(from, from + second.length));
      });
    }
    const [steps] = (await file.read('steps')) as BigInt64Array;
    return { steps: Number(steps), moments };
  } finally {
    await file.close();
  }
}

export async function writeOptimizer(
  config: ModelConfig,
  { steps, moments }: OptimizerState,
  path: string,
): Promise<void> {
  const named = parameters(config).flatMap((parameter) =>
    MOMENTS.flatMap((prefix, k) =>
      takenApart(parameter, () => moments.read(parameter.name, k as 0 | 1)).map(
        ([name, tensor]): [string, TensorInput] => [`${prefix}.${name}`, { ...tensor, dtype: 'F32' }],
      ),
    ),
  );
  await writeSafetensors(path, { ...Object.fromEntries(named), steps: BigInt64Array.of(BigInt(steps)) });
}

/** Hugging Face names and layout, float32. */
export async function writeWeights(config: ModelConfig, weights: Weights, path: string): Promise<void> {
  const named = [...toHuggingFace(config, weights)].map(([name, tensor]): [string, TensorInput] => [
    name,
    { ...tensor, dtype: 'F32' },
  ]);
  await writeSafetensors(path, Object.fromEntries(named), { format: 'pt' });
}
