/** Tokens of one iteration, of the size of the first: adaptive sampling then keeps the training rows near what it gives here. */
import type { RunConfig } from '../../contracts/config/run-config.js';

export interface Assumptions {
  /** Mean tokens of a prompt and of a whole response. */
  readonly promptTokens: number;
  readonly responseTokens: number;
}

export interface Work {
  readonly responses: number;
  /** Rollouts from branch points; every response that is kept has all of them. */
  readonly branches: number;
  /** Leaf paths, each a training row. */
  readonly paths: number;
  readonly optimizerSteps: number;
  /** New tokens that are sampled. */
  readonly generated: number;
  /** The branches' share of them. */
  readonly ofBranches: number;
  /** Tokens that run through scoring passes, prompts and kept prefixes included. */
  readonly scored: number;
  /** Tokens that run through the learner: of a problem's tree every node once. */
  readonly trained: number;
  /** Response tokens in the loss, once per path. */
  readonly inLoss: number;
  /** Mean tokens that a sampled token attends to. */
  readonly context: number;
}

/** Branch points lie in the middle of a response on average: what is sampled anew is as long as what it replaces. */
const BRANCH_SHARE = 0.5;

export function iterationWork(config: RunConfig, { promptTokens, responseTokens }: Assumptions): Work {
  const { sampling, branching, adaptiveSampling, update, algorithm } = config;
  const problems = sampling.problemsPerIteration;
  const responses = problems * adaptiveSampling.responsesDrawn;
  const kept = problems * sampling.responsesPerProblem;
  const branches = algorithm === 'grpo' ? 0 : kept * branching.pointsPerResponse * branching.rolloutsPerPoint;
  const paths = kept + branches;
  const branchTokens = BRANCH_SHARE * responseTokens;
  const generated = responses * responseTokens + branches * branchTokens;
  return {
    responses,
    branches,
    paths,
    optimizerSteps: Math.ceil(paths / update.miniBatchPaths),
    generated,
    ofBranches: (branches * branchTokens) / generated,
    scored: (responses + branches) * (promptTokens + responseTokens),
    trained: problems * promptTokens + kept * responseTokens + branches * branchTokens,
    inLoss: paths * responseTokens,
    context: promptTokens + responseTokens / 2,
  };
}
