import type { RunForm } from '../../contracts/config/form.js';

/** As short a run as can be of the shipped model with its engines, one iteration of seconds. */
export const TINY = {
  iterations: 1,
  sampling: { problemsPerIteration: 3, responsesPerProblem: 3, maxPromptTokens: 96, maxResponseTokens: 96 },
  branching: { pointsPerResponse: 1 },
  evaluation: { every: 0, problemsPerSet: 2, samplesPerProblem: 1, sets: ['short'], maxResponseTokens: 96 },
  engine: { slots: 32, threads: 1 },
} satisfies RunForm;
