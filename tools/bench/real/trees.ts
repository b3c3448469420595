/** Rows of AttnRL's update: problems with a response that was sampled anew at two points, twice each, every token once. */
import type { InferenceEngine, Rollout, TrainingSequence } from '../../../contracts/engine/engine.js';
import type { MeasuredModel } from './model.js';
import { requestOf, responses, type Response } from './responses.js';

const RESPONSE_TOKENS = 96;
/** Tokens of the response that branches keep. */
const POINTS = [24, 48];
const BRANCHES_PER_POINT = 2;

interface Branch extends Rollout {
  /** Tokens of the response before it. */
  readonly kept: number;
}

/** As many rows of the same length as there are problems; log-probs are those of the policy. */
export async function sampleTrees(
  engine: InferenceEngine,
  model: MeasuredModel,
  problems: number,
): Promise<TrainingSequence[]> {
  const initial = await responses(engine, model, problems, RESPONSE_TOKENS);
  const kept = POINTS.flatMap((point) => Array.from({ length: BRANCHES_PER_POINT }, () => point));
  const requests = initial.flatMap(({ prompt, tokens }, problem) =>
    kept.map((point, i) =>
      requestOf([...prompt, ...tokens.subarray(0, point)], RESPONSE_TOKENS - point, { problem, branch: i + 1 }),
    ),
  );
  const rollouts = await engine.generate(model.policy.id, requests);
  return initial.map((response, problem) =>
    packed(
      response,
      kept.map((point, i) => ({ ...rollouts[problem * kept.length + i], kept: point })),
    ),
  );
}

/** The response's tokens stand before those of its branches. */
export function packed({ prompt, tokens, logProbs }: Response, branches: readonly Branch[]): TrainingSequence {
  const row = {
    tokens: [...prompt],
    predecessors: prompt.map((_, t) => t - 1),
    weights: prompt.map(() => 0),
    advantages: prompt.map(() => 0),
    oldLogProbs: prompt.map(() => 0),
  };
  const append = (rollout: Rollout, from: number, advantage: number, weight: (t: number) => number): void => {
    rollout.tokens.forEach((token, t) => {
      row.predecessors.push(t === 0 ? from : row.tokens.length - 1);
      row.tokens.push(token);
      row.weights.push(weight(t));
      row.advantages.push(advantage);
      row.oldLogProbs.push(rollout.logProbs[t]);
    });
  };
  // As many paths go through a token of the response as branches keep it, and its own.
  append({ tokens, logProbs, finished: false }, prompt.length - 1, 0.5, (t) => {
    return 1 + branches.filter(({ kept }) => t < kept).length;
  });
  branches.forEach((branch, i) => append(branch, prompt.length + branch.kept - 1, i % 2 === 0 ? 1 : -1, () => 1));
  return {
    tokens: Int32Array.from(row.tokens),
    predecessors: Int32Array.from(row.predecessors),
    weights: Float32Array.from(row.weights),
    advantages: Float32Array.from(row.advantages),
    oldLogProbs: Float32Array.from(row.oldLogProbs),
  };
}
