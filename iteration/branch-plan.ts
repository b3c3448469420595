import { drawSelection, meanInfluence, meanOf, selectForBranching } from '../algorithm/adaptive-sampling.js';
import { branchByAttention, branchByEntropy } from '../algorithm/branching.js';
import { openStream, Purpose } from '../algorithm/random.js';
import type { RunConfig } from '../contracts/config/run-config.js';
import type { ControllerState } from '../contracts/protocol/run.js';
import type { BatchProblem, BatchResponse } from './batch.js';
import type { BranchPlan, PlannedProblem, SelectionReason } from '../contracts/artifacts/documents.js';
import { responseRanges } from './step-ranges.js';

type Means = ControllerState['means'];

/** Which responses are branched (adaptive sampling), and where (attention, or entropy in TreeRL). */
export function planBranches(
  problems: readonly BatchProblem[],
  config: RunConfig,
  iteration: number,
  controller: ControllerState,
): { plan: BranchPlan; controller: ControllerState } {
  const { selected, means } = config.adaptiveSampling.enabled
    ? selectAdaptively(problems, controller.means, config, iteration)
    : { selected: problems.map(selectAll), means: controller.means };
  const plan: BranchPlan = {
    meanInfluence: meanOf(means.allCorrect),
    problems: selected.map(({ problem, phi, dropped, branched }) => ({
      problem: problem.place,
      phi,
      dropped,
      responses: branched.map(({ response, why }) => ({
        response: response.rollout.response,
        why,
        ...branchPoints(problem, response, config),
      })),
    })),
  };
  return { plan, controller: { ...controller, means } };
}

/** Branch points of the whole plan. */
export function pointsOf({ problems }: BranchPlan): number[] {
  return problems.flatMap(({ responses }) => responses.flatMap(({ points }) => points));
}

interface Selected extends Pick<PlannedProblem, 'phi' | 'dropped'> {
  readonly problem: BatchProblem;
  readonly branched: readonly { readonly response: BatchResponse; readonly why: SelectionReason }[];
}

function selectAll(problem: BatchProblem): Selected {
  const phi = meanInfluence(problem.responses.map(({ score }) => score.influence));
  const branched = problem.responses.map((response) => ({ response, why: 'all' }) as const);
  return { problem, phi, dropped: false, branched };
}

function selectAdaptively(
  problems: readonly BatchProblem[],
  before: Means,
  { seed }: RunConfig,
  iteration: number,
): { selected: Selected[]; means: Means } {
  const { selections, means } = selectForBranching(
    problems.map(({ responses }) => ({
      correct: responses.map(({ correct }) => correct),
      influence: responses.map(({ score }) => score.influence),
    })),
    before,
  );
  const selected = problems.map((problem, i): Selected => {
    const selection = selections[i];
    const { phi, dropped, mustBranch } = selection;
    if (dropped) return { problem, phi, dropped, branched: [] };
    const stream = openStream(seed, Purpose.responseSelection, [iteration, problem.place]);
    const branched = drawSelection(selection, stream).map((at) => {
      const why = mustBranch.includes(at) ? 'certain' : 'drawn';
      return { response: problem.responses[at], why } as const;
    });
    return { problem, phi, dropped, branched };
  });
  return { selected, means };
}

type PlannedPoints = Omit<PlannedProblem['responses'][number], 'response' | 'why'>;

function branchPoints(
  { prompt }: BatchProblem,
  { score }: BatchResponse,
  { algorithm, branching }: RunConfig,
): PlannedPoints {
  const { pointsPerResponse, minTokenDistance, quantile } = branching;
  const { influence, entropies, stepEnds } = score;
  if (algorithm === 'treerl') {
    const points = branchByEntropy(entropies, pointsPerResponse);
    return { points, reasons: points.map((at) => ({ why: 'entropy', entropy: entropies[at] })), threshold: null };
  }
  const steps = responseRanges(stepEnds, prompt.length); // the distance from the start counts the prompt (algorithm.md 3)
  const settings = { points: pointsPerResponse, minTokenDistance, quantile };
  const { points, reasons, threshold } = branchByAttention(steps, influence, prompt.length, settings);
  return { points, reasons: reasons.map((reason) => ({ ...reason, influence: influence[reason.step] })), threshold };
}
