/**
 * Accuracy of a policy on a set of problems. Each sample's randomness is addressed by (seed, set, problem, sample), so two
 * policies meet the same luck and a set's result does not depend on what else is evaluated.
 */
import { createHash } from 'node:crypto';
import { passAtK } from '../algorithm/pass-at-k.js';
import { deriveSeed, Purpose, type RolloutKey } from '../algorithm/random.js';
import type { InferenceEngine, Rollout } from '../contracts/engine/engine.js';
import type { PromptEncoder } from '../contracts/artifacts/prompt.js';
import type { TextTokenizer } from '../contracts/engine/tokenizer.js';
import type { Problem, ProblemSource } from './problem-source.js';
import { rewardOf } from './reward.js';

export interface EvaluationSettings {
  readonly seed: number;
  /** The set's first problems, all if it has no more. */
  readonly problems: number;
  /** k of avg@k. */
  readonly samplesPerProblem: number;
  readonly temperature: number;
  /** Problems with longer prompts are skipped and counted. */
  readonly maxPromptTokens: number;
  readonly maxResponseTokens: number;
}

/** A problem of a held-out set with its prompt as the model gets it. */
export interface EncodedProblem extends Pick<Problem, 'index' | 'id' | 'groundTruth'> {
  readonly prompt: Int32Array;
}

/** The set's first problems whose prompts fit, in order. */
export function evaluatedProblems(
  source: ProblemSource,
  prompts: PromptEncoder,
  { problems, maxPromptTokens }: Pick<EvaluationSettings, 'problems' | 'maxPromptTokens'>,
): { readonly problems: readonly EncodedProblem[]; readonly skippedPrompts: number } {
  const asked = Array.from({ length: Math.min(problems, source.size) }, (_, i) => source.problem(i));
  const encoded = asked.map(({ index, id, prompt, groundTruth }) => ({
    index,
    id,
    groundTruth,
    prompt: prompts.encode(prompt),
  }));
  const fitting = encoded.filter(({ prompt }) => prompt.length <= maxPromptTokens && prompt.length > 0);
  return { problems: fitting, skippedPrompts: asked.length - fitting.length };
}

/** Of the set's name: keeps its randomness apart from that of others. */
export function setNumber(set: string): number {
  return createHash('sha256').update(set).digest().readUInt32BE(0);
}

/** Where the randomness of a sample comes from. */
export function sampleKey(seed: number, set: string, problem: Pick<Problem, 'index'>, sample: number): RolloutKey {
  const runSeed = deriveSeed(seed, Purpose.evaluation, [setNumber(set)]);
  return { runSeed, iteration: 0, problem: problem.index, response: sample, branch: 0 };
}

export interface JudgedSample {
  readonly tokens: number;
  /** Ended by a stop token. */
  readonly finished: boolean;
  readonly correct: boolean;
}

/** Numbers of one set. Means are over problems first, so each problem counts alike. */
export interface EvaluationResult {
  readonly set: string;
  readonly problems: number;
  readonly samples: number;
  readonly skippedPrompts: number;
  /** avg@k: share of the samples that are correct, 0..1; 0 without samples. */
  readonly accuracy: number;
  /** pass@1, pass@2, pass@4, … and pass@k: unbiased, mean over problems. */
  readonly passAt: Readonly<Record<string, number>>;
  /** Mean tokens of a response. */
  readonly meanLength: number;
  /** Share of the samples that ran into maxResponseTokens. */
  readonly truncated: number;
  /** Correct samples of each problem. */
  readonly correct: readonly { readonly id: string; readonly correct: number }[];
}

/**
 * @param problems with their ids, in order
 * @param judged k samples of each problem, those of a problem together
 */
export function evaluationResult(
  set: string,
  { problems, skippedPrompts }: { readonly problems: readonly Pick<Problem, 'id'>[]; readonly skippedPrompts: number },
  judged: readonly JudgedSample[],
): EvaluationResult {
  const samples = judged.length;
  const k = problems.length === 0 ? 0 : samples / problems.length;
  const correct = problems.map(({ id }, i) => ({
    id,
    correct: judged.slice(i * k, (i + 1) * k).filter((sample) => sample.correct).length,
  }));
  const share = (total: number): number => (samples === 0 ? 0 : total / samples);
  const passed = (few: number): number =>
    correct.reduce((sum, one) => sum + passAtK(k, one.correct, few), 0) / problems.length;
  return {
    set,
    problems: problems.length,
    samples,
    skippedPrompts,
    accuracy: share(correct.reduce((sum, problem) => sum + problem.correct, 0)),
    passAt: Object.fromEntries(powersOfTwo(k).map((few) => [few, passed(few)])),
    meanLength: share(judged.reduce((sum, { tokens }) => sum + tokens, 0)),
    truncated: share(judged.filter(({ finished }) => !finished).length),
    correct,
  };
}

/** 1, 2, 4, … below k, and k. */
function powersOfTwo(k: number): number[] {
  const below = Array.from({ length: 11 }, (_, i) => 2 ** i).filter((few) => few < k);
  return k === 0 ? [] : [...below, k];
}

/** A policy, ready to be asked. */
export interface EvaluatedPolicy {
  readonly id: string;
  /** Holds it. */
  readonly engine: InferenceEngine;
  readonly tokenizer: TextTokenizer;
  readonly prompts: PromptEncoder;
}

/** The whole of it in one process. */
export async function evaluate(
  source: ProblemSource,
  { id, engine, tokenizer, prompts }: EvaluatedPolicy,
  settings: EvaluationSettings,
): Promise<EvaluationResult> {
  const asked = evaluatedProblems(source, prompts, settings);
  const requests = asked.problems.flatMap((problem) =>
    Array.from({ length: settings.samplesPerProblem }, (_, sample) => ({
      prefix: problem.prompt,
      uniforms: { kind: 'counter' as const, key: sampleKey(settings.seed, source.name, problem, sample) },
      maxNewTokens: settings.maxResponseTokens,
      temperature: settings.temperature,
      stopIds: tokenizer.eosIds,
    })),
  );
  const rollouts = await engine.generate(id, requests);
  const judge = ({ tokens, finished }: Rollout, i: number): JudgedSample => {
    const { groundTruth } = asked.problems[Math.floor(i / settings.samplesPerProblem)];
    const { reward } = rewardOf(tokenizer.decode(tokens), groundTruth);
    return { tokens: tokens.length, finished, correct: reward === 1 };
  };
  return evaluationResult(source.name, asked, rollouts.map(judge));
}
