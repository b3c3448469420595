/** What a model answers, for work on its own responses: sampled to the given length, whatever would stop it. */
import type { InferenceEngine, Rollout, RolloutRequest } from '../../../contracts/engine/engine.js';
import { openInferenceEngine } from '../../../policy/processes/open.js';
import { THREADS } from '../machine.js';
import { type MeasuredModel, promptsOf } from './model.js';

export interface Response extends Rollout {
  readonly prompt: readonly number[];
}

/** With an engine that is gone afterwards: what it sampled with is not in the memory of what is measured. */
export async function withSampling<Result>(
  model: MeasuredModel,
  work: (engine: InferenceEngine) => Promise<Result>,
): Promise<Result> {
  const engine = openInferenceEngine({ threads: THREADS });
  try {
    await engine.load(model.policy);
    return await work(engine);
  } finally {
    await engine.close();
  }
}

export async function responses(
  engine: InferenceEngine,
  model: MeasuredModel,
  count: number,
  newTokens: number,
): Promise<Response[]> {
  const prompts = promptsOf(model, count);
  const rollouts = await engine.generate(
    model.policy.id,
    prompts.map((prompt, problem) => requestOf(prompt, newTokens, { problem })),
  );
  return rollouts.map((rollout, i) => ({ ...rollout, prompt: prompts[i] }));
}

export function requestOf(
  prefix: readonly number[],
  newTokens: number,
  { problem = 0, branch = 0 } = {},
): RolloutRequest {
  return {
    prefix: Int32Array.from(prefix),
    uniforms: { kind: 'counter', key: { runSeed: 0, iteration: 0, problem, response: 0, branch } },
    maxNewTokens: newTokens,
    temperature: 1,
    stopIds: [],
  };
}
