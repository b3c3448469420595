import { drawSelection, meanInfluence, selectForBranching } from '../algorithm/adaptive-sampling.js';
import { branchByAttention, branchByEntropy } from '../algorithm/branching.js';
import { openStream, Purpose } from '../algorithm/random.js';
import type { StepRange } from '../algorithm/steps.js';
import type { ControlActivities } from '../contracts/activities.js';
import type { RunConfig } from '../contracts/config.js';
import { readBatch, type BatchProblem, type BatchResponse } from './batch.js';
import { durable, timed } from './durable.js';
import type { BranchPlan, PlannedProblem } from './formats/documents.js';
import { putJson, readManifest } from './io.js';

type ChooseBranchPoints = ControlActivities['chooseBranchPoints'];

/** Which responses are branched (adaptive sampling), and where (attention, or entropy in TreeRL). */
export const chooseBranchPoints = durable<Parameters<ChooseBranchPoints>[0], Awaited<ReturnType<ChooseBranchPoints>>>(
  'chooseBranchPoints',
  ({ store }, { manifest, batch, controller }) =>
    timed(async () => {
      const { config } = await readManifest(store, manifest);
      const problems = await readBatch(store, batch, config);
      const { selected, means } = config.adaptiveSampling.enabled
        ? selectAdaptively(problems, controller.means, config, batch.iteration)
        : { selected: problems.map(selectAll), means: controller.means };

      const plan: BranchPlan = {
        problems: selected.map(({ problem, phi, dropped, branched }) => ({
          problem: problem.place,
          phi,
          dropped,
          responses: branched.map((response) => ({
            response: response.rollout.response,
            points: branchPoints(response, config),
          })),
        })),
      };
      const points = plan.problems.flatMap(({ responses }) => responses.flatMap((response) => response.points));
      return {
        points: await putJson(store, 'branch-points', plan),
        branchPoints: points.length,
        rollouts: points.length * config.branching.rolloutsPerPoint,
        controller: { ...controller, means },
      };
    }),
);

interface Selected extends Pick<PlannedProblem, 'phi' | 'dropped'> {
  readonly problem: BatchProblem;
  readonly branched: readonly BatchResponse[];
}

function selectAll(problem: BatchProblem): Selected {
  const phi = meanInfluence(problem.responses.map(({ score }) => score.influence));
  return { problem, phi, dropped: false, branched: problem.responses };
}

function selectAdaptively(
  problems: readonly BatchProblem[],
  before: Parameters<typeof selectForBranching>[1],
  { seed }: RunConfig,
  iteration: number,
): { selected: Selected[]; means: typeof before } {
  const { selections, means } = selectForBranching(
    problems.map(({ responses }) => ({
      correct: responses.map(({ correct }) => correct),
      influence: responses.map(({ score }) => score.influence),
    })),
    before,
  );
  const selected = problems.map((problem, i): Selected => {
    const selection = selections[i];
    const stream = openStream(seed, Purpose.responseSelection, [iteration, problem.place]);
    const branched = selection.dropped ? [] : drawSelection(selection, stream).map((at) => problem.responses[at]);
    return { problem, phi: selection.phi, dropped: selection.dropped, branched };
  });
  return { selected, means };
}

/** Tokens of the response to keep before each point, ascending. */
function branchPoints({ score }: BatchResponse, { algorithm, branching }: RunConfig): readonly number[] {
  const { pointsPerResponse, minTokenDistance, quantile } = branching;
  if (algorithm === 'treerl') return branchByEntropy(score.entropies, pointsPerResponse);
  const steps = Array.from(score.stepEnds, (end, step): StepRange => [step === 0 ? 0 : score.stepEnds[step - 1], end]);
  // Positions relative to the response: as if the prompt were empty.
  return branchByAttention(steps, score.influence, 0, { points: pointsPerResponse, minTokenDistance, quantile }).points;
}
