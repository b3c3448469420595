/**
 * Accuracy of a policy on a set of problems. Each sample's randomness is addressed by (seed, set, problem, sample), so two
 * policies meet the same luck and a set's result does not depend on what else is evaluated.
 */
import { createHash } from 'node:crypto';
import { deriveSeed, Purpose } from '../algorithm/random.js';
import type { GenerateOptions, InferenceEngine, Rollout, RolloutRequest } from '../contracts/engine.js';
import type { TextTokenizer } from '../contracts/tokenizer.js';
import type { Problem, ProblemSource } from './problem-source.js';
import { rewardOf } from './reward.js';

export interface EvaluationSettings {
  readonly seed: number;
  /** The set's first problems, all if it has no more. */
  readonly problems: number;
  readonly samplesPerProblem: number;
  readonly temperature: number;
  /** Problems with longer prompts are skipped and counted. */
  readonly maxPromptTokens: number;
  readonly maxResponseTokens: number;
}

export interface EvaluationPlan {
  /** Those evaluated, in order. */
  readonly problems: readonly Problem[];
  /** `samplesPerProblem` for each problem, those of a problem together. */
  readonly requests: readonly RolloutRequest[];
  readonly skippedPrompts: number;
}

export interface EvaluationResult {
  readonly set: string;
  readonly problems: number;
  readonly samples: number;
  readonly skippedPrompts: number;
  /** Share of the samples that are correct, 0..1; 0 without samples. */
  readonly accuracy: number;
  /** Mean tokens of a response. */
  readonly meanLength: number;
  /** Share of the samples that ran into maxResponseTokens. */
  readonly truncated: number;
  /** Correct samples of each problem. */
  readonly correct: readonly { readonly id: string; readonly correct: number }[];
}

export function planEvaluation(
  source: ProblemSource,
  tokenizer: TextTokenizer,
  settings: EvaluationSettings,
): EvaluationPlan {
  const setNumber = createHash('sha256').update(source.name).digest().readUInt32BE(0);
  const runSeed = deriveSeed(settings.seed, Purpose.evaluation, [setNumber]);
  const asked = Array.from({ length: Math.min(settings.problems, source.size) }, (_, i) => source.problem(i));
  const encoded = asked.map((problem) => ({ problem, prefix: tokenizer.encode(problem.prompt) }));
  const fitting = encoded.filter(({ prefix }) => prefix.length <= settings.maxPromptTokens && prefix.length > 0);
  return {
    problems: fitting.map(({ problem }) => problem),
    requests: fitting.flatMap(({ problem, prefix }) =>
      Array.from({ length: settings.samplesPerProblem }, (_, sample) => ({
        prefix,
        uniforms: {
          kind: 'counter' as const,
          key: { runSeed, iteration: 0, problem: problem.index, response: sample, branch: 0 },
        },
        maxNewTokens: settings.maxResponseTokens,
        temperature: settings.temperature,
        stopIds: tokenizer.eosIds,
      })),
    ),
    skippedPrompts: asked.length - fitting.length,
  };
}

/** @param rollouts those of the plan's requests, in their order */
export function judgeEvaluation(
  set: string,
  plan: EvaluationPlan,
  rollouts: readonly Rollout[],
  tokenizer: TextTokenizer,
): EvaluationResult {
  const samples = rollouts.length;
  const samplesPerProblem = plan.problems.length === 0 ? 0 : samples / plan.problems.length;
  const correct = plan.problems.map(({ id, groundTruth }, i) => ({
    id,
    correct: rollouts
      .slice(i * samplesPerProblem, (i + 1) * samplesPerProblem)
      .filter(({ tokens }) => rewardOf(tokenizer.decode(tokens), groundTruth).reward === 1).length,
  }));
  const share = (total: number): number => (samples === 0 ? 0 : total / samples);
  return {
    set,
    problems: plan.problems.length,
    samples,
    skippedPrompts: plan.skippedPrompts,
    accuracy: share(correct.reduce((sum, problem) => sum + problem.correct, 0)),
    meanLength: share(rollouts.reduce((sum, { tokens }) => sum + tokens.length, 0)),
    truncated: share(rollouts.filter(({ finished }) => !finished).length),
    correct,
  };
}

export async function evaluate(
  source: ProblemSource,
  tokenizer: TextTokenizer,
  engine: InferenceEngine,
  policyId: string,
  settings: EvaluationSettings,
  options?: GenerateOptions,
): Promise<EvaluationResult> {
  const plan = planEvaluation(source, tokenizer, settings);
  const rollouts = await engine.generate(policyId, plan.requests, options);
  return judgeEvaluation(source.name, plan, rollouts, tokenizer);
}
