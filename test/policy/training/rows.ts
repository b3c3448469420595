/** Training rows of random trees, packed and leaf by leaf. */
import { buildTree } from '../../../algorithm/tree.js';
import { uniforms } from '../../../algorithm/random.js';
import { leafRows, packTree, type SampledProblem, type TrainingSequence } from '../../../algorithm/training-rows.js';
import type { LossSettings, OptimizerSettings } from '../../../contracts/engine/engine.js';

export const loss: LossSettings = {
  temperature: 0.9,
  clipLow: 0.2,
  clipHigh: 0.28,
  dualClip: 3,
  klWeight: 0.05,
};

export const optimizer: OptimizerSettings = {
  learningRate: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};

/** Responses of different length with branches at different places, also two at one place and one at the very start. */
export function randomTree(seed: number, vocabSize: number): { packed: TrainingSequence; leaves: TrainingSequence[] } {
  const random = draws(seed);
  const tokens = (length: number) => ({
    tokens: Array.from({ length }, () => random.below(vocabSize)),
    logProbs: Array.from({ length }, () => -3 - 2 * random.next()),
  });
  const problem: SampledProblem = {
    prompt: tokens(3 + random.below(6)).tokens,
    responses: Array.from({ length: 3 }, () => {
      const response = tokens(8 + random.below(20));
      return { ...response, rollouts: [tokens(4), tokens(1 + random.below(12)), tokens(9)] };
    }),
  };
  const outcomes = problem.responses.map(({ tokens: { length }, rollouts }) => {
    const at = random.below(length);
    return {
      length,
      reward: random.below(2),
      rollouts: rollouts.map(({ tokens: own }, i) => ({
        at: [at, at, seed % length][i],
        length: own.length,
        reward: random.below(2),
      })),
    };
  });
  const tree = buildTree(outcomes, { maxResponseLength: 30 });
  const advantages = tree.nodes.map(() => 4 * random.next() - 2);
  return { packed: packTree(problem, tree, advantages), leaves: leafRows(problem, tree, advantages) };
}

/** A response without branches behind a prompt of 4 tokens. */
export function chain(seed: number, length: number, vocabSize: number): TrainingSequence {
  const random = draws(seed);
  const trained = (value: () => number) => Float32Array.from({ length }, (_, t) => (t < 4 ? 0 : value()));
  return {
    tokens: Int32Array.from({ length }, () => random.below(vocabSize)),
    predecessors: Int32Array.from({ length }, (_, t) => t - 1),
    weights: trained(() => 1),
    advantages: trained(() => 4 * random.next() - 2),
    oldLogProbs: trained(() => -3 - 2 * random.next()),
  };
}

function draws(seed: number): { next: () => number; below: (bound: number) => number } {
  const values = uniforms({ runSeed: seed, iteration: 0, problem: 0, response: 0, branch: 0 }, 0, 4000);
  let used = 0;
  const next = (): number => values[used++];
  return { next, below: (bound) => Math.floor(next() * bound) };
}
