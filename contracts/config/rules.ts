import type { FilledForm } from './form.js';
import type { RunConfig } from './run-config.js';
import type { InputProblem } from '../errors/run-errors.js';

/** A problem between fields; `about` lists them, and a rule about a field that is wrong by itself is left out. */
export interface CrossFieldProblem extends InputProblem {
  readonly about: readonly string[];
}

/** Names of the same thing that say different things. */
export function contradictions({ steps, branching }: FilledForm): InputProblem[] {
  const [delta, older] = [steps.delta, branching.delta];
  if (delta === undefined || older === undefined || delta === older) return [];
  return [{ path: 'branching.delta', problem: `is the older name of steps.delta, which is ${delta}: leave it out` }];
}

/** Values that are fine alone and impossible together. */
export function crossFieldProblems(config: RunConfig): CrossFieldProblem[] {
  const { sampling, branching, adaptiveSampling, update, evaluation, algorithm, pipeline, verifier } = config;
  const longestPath = sampling.maxPromptTokens + sampling.maxResponseTokens;
  const paths = sampling.problemsPerIteration * sampling.responsesPerProblem; // of grpo
  const problems: CrossFieldProblem[] = [];
  /** The first path is where the problem is shown. */
  const refuse = (wrong: boolean, about: readonly [string, ...string[]], problem: string): void => {
    if (wrong) problems.push({ path: about[0], problem, about });
  };

  refuse(
    algorithm === 'grpo' && sampling.responsesPerProblem < 2,
    ['sampling.responsesPerProblem', 'algorithm'],
    'grpo compares the responses of a problem, it needs at least 2',
  );
  refuse(
    algorithm === 'grpo' && adaptiveSampling.enabled,
    ['adaptiveSampling.enabled', 'algorithm'],
    'grpo has no branches to be adapted; leave it out or set it to false',
  );
  refuse(
    algorithm === 'grpo' && adaptiveSampling.includeUnbranched,
    ['adaptiveSampling.includeUnbranched', 'algorithm'],
    'grpo always trains on unbranched responses; leave it out',
  );
  refuse(
    update.oldLogProbs === 'update' && algorithm !== 'grpo',
    ['update.oldLogProbs', 'algorithm'],
    `${algorithm} chooses branch points by scores; leave it out`,
  );
  refuse(
    update.oldLogProbs === 'update' && pipeline !== 'on-policy',
    ['update.oldLogProbs', 'pipeline'],
    'is for on-policy responses, which the updated policy itself sampled',
  );
  refuse(
    update.oldLogProbs === 'update' && paths > update.miniBatchPaths,
    [
      'update.oldLogProbs',
      'sampling.problemsPerIteration',
      'sampling.responsesPerProblem',
      'update.miniBatchPaths',
      'algorithm',
    ],
    `is for updates of one step, and ${paths} paths make more than one of update.miniBatchPaths (${update.miniBatchPaths})`,
  );
  refuse(
    adaptiveSampling.responsesDrawn < sampling.responsesPerProblem,
    ['adaptiveSampling.responsesDrawn', 'sampling.responsesPerProblem'],
    `must be at least sampling.responsesPerProblem (${sampling.responsesPerProblem})`,
  );
  refuse(
    adaptiveSampling.responsesDrawn > sampling.responsesPerProblem && !adaptiveSampling.enabled,
    ['adaptiveSampling.responsesDrawn', 'adaptiveSampling.enabled', 'algorithm'],
    'needs adaptiveSampling.enabled, whose scores choose the responses to keep',
  );
  refuse(
    sampling.problemsPerIteration > adaptiveSampling.maxProblemsPerIteration,
    ['sampling.problemsPerIteration', 'adaptiveSampling.maxProblemsPerIteration'],
    `is above adaptiveSampling.maxProblemsPerIteration (${adaptiveSampling.maxProblemsPerIteration})`,
  );
  refuse(
    algorithm === 'attnrl' && branching.minTokenDistance >= longestPath,
    ['branching.minTokenDistance', 'sampling.maxPromptTokens', 'sampling.maxResponseTokens', 'algorithm'],
    `leaves no room for a branch point: prompt and response have at most ${longestPath} tokens`,
  );
  refuse(
    update.tokenBudget < longestPath,
    ['update.tokenBudget', 'sampling.maxPromptTokens', 'sampling.maxResponseTokens'],
    `a single path may have ${longestPath} tokens`,
  );
  refuse(
    verifier.answer !== undefined && !['math', 'math-in-process'].includes(verifier.name),
    ['verifier.answer', 'verifier.name'],
    'is for math and math-in-process; a module looks for answers itself',
  );
  refuse(new Set(evaluation.sets).size !== (evaluation.sets ?? []).length, ['evaluation.sets'], 'names a set twice');
  return problems;
}
