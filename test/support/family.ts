/** A checkpoint made by `test/fixtures/models/families.py`, and what transformers computes with it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { OptimizerSettings, Rollout, RolloutRequest, TrainingSequence } from '../../contracts/engine/engine.js';
import { inspectCheckpoint, type CheckpointInfo } from '../../policy/model/checkpoint/inspect.js';
import { loadWeights } from '../../policy/model/checkpoint/load.js';
import { Generator } from '../../policy/onnx/generate/generator.js';
import { OnnxLearner } from '../../policy/onnx/learn/onnx-learner.js';
import { toHuggingFace, type Weights } from '../../policy/model/parameters.js';
import { Scorer } from '../../policy/onnx/score/scorer.js';

interface Expected {
  readonly promptLength: number;
  readonly sequences: readonly (readonly number[])[];
  /** Of the tokens behind the prompt. */
  readonly logProbs: readonly (readonly number[])[];
  readonly greedy: { readonly prefix: readonly number[]; readonly tokens: readonly number[] };
  /** Mean cross-entropy over those tokens. */
  readonly loss: number;
  /** By Hugging Face names: 2-norm, and the sum of g[i] cos(i). */
  readonly gradients: Readonly<Record<string, { readonly norm: number; readonly projection: number }>>;
}

export interface Family extends CheckpointInfo {
  readonly loaded: Weights;
  readonly expected: Expected;
}

/** What is asked for: log-probs within 2e-4. */
export const TOLERANCE = 2e-4;

const NO_STEP: OptimizerSettings = {
  learningRate: 0,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maxGradNorm: 1e9,
};

export async function openFamily(directory: string): Promise<Family> {
  const info = await inspectCheckpoint(directory);
  const { weights } = await loadWeights({ id: directory, config: info.configJson, weights: info.weights });
  const expected = JSON.parse(await readFile(join(directory, 'expected.json'), 'utf8')) as Expected;
  return { ...info, loaded: weights, expected };
}

/** Log-probs behind the prompt, teacher-forced. */
export async function scored(
  { config, loaded }: Pick<Family, 'config' | 'loaded'>,
  sequences: readonly (readonly number[])[],
  promptLength: number,
): Promise<Float32Array[]> {
  const scorer = new Scorer(config, loaded, { threads: 1 });
  const requests = sequences.map((tokens) => ({ tokens: Int32Array.from(tokens), promptLength, temperature: 1 }));
  const scores = await scorer.score(requests, () => Promise.resolve());
  await scorer.close();
  return scores.map(({ logProbs }) => logProbs);
}

export async function generated({ config, loaded }: Family, requests: readonly RolloutRequest[]): Promise<Rollout[]> {
  const generator = await Generator.open(config, loaded, { slots: 8, chunk: 16, threads: 1 });
  const submitted = requests.map((request) => generator.submit(request));
  while (!generator.idle) await generator.step();
  const rollouts = await Promise.all(submitted.map(({ rollout }) => rollout));
  await generator.close();
  return rollouts;
}

/** Largest difference of a log-prob. */
export function farthest(actual: readonly Float32Array[], expected: readonly (readonly number[])[]): number {
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  return Math.max(...expected.flatMap((row, r) => row.map((value, t) => Math.abs(actual[r][t] - value))));
}

/** Loss and gradients of one supervised pass, by Hugging Face names. */
export async function differentiated({ config, loaded, expected }: Family): Promise<{
  loss: number;
  gradients: Map<string, { norm: number; projection: number }>;
}> {
  const learner = new OnnxLearner({ threads: 1 });
  await learner.start(config, loaded);
  const rows = expected.sequences.map((tokens) => rowOf(tokens, expected.promptLength));
  const { loss } = await learner.supervise(rows, NO_STEP, 1 << 20);
  const gradients = new Map(
    [...toHuggingFace(config, learner.gradient)].map(([name, tensor]) => {
      const data = tensor.data();
      const projection = data.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
      return [name, { norm: Math.hypot(...data), projection }];
    }),
  );
  await learner.close();
  return { loss, gradients };
}

export function rowOf(
  tokens: readonly number[],
  promptLength: number,
): Pick<TrainingSequence, 'tokens' | 'predecessors' | 'weights'> {
  return {
    tokens: Int32Array.from(tokens),
    predecessors: Int32Array.from(tokens, (_, t) => t - 1),
    weights: Float32Array.from(tokens, (_, t) => (t < promptLength ? 0 : 1)),
  };
}
