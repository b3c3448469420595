/** Families that this learner computes; others are for the learner on onnxruntime. */
const FAMILIES: readonly unknown[] = ['qwen2'];

interface Problem {
  readonly path: string;
  readonly problem: string;
}

/** @param config contents of config.json */
export function unsupportedByTensorFlow(config: unknown): Problem[] {
  const type: unknown = (config as { model_type?: unknown } | null)?.model_type;
  if (FAMILIES.includes(type)) return [];
  const problem = `learner "tfjs" trains ${FAMILIES.join(', ')}, not ${JSON.stringify(type)}: use learner "onnx"`;
  return [{ path: 'model_type', problem }];
}
