/** Topic `ads`: adaptive sampling. */
import { z } from 'zod';
import {
  addToMean,
  branchCount,
  meanOf,
  NO_INFLUENCE_MEANS,
  NO_MEAN,
  selectForBranching,
} from '../../algorithm/adaptive-sampling.js';
import { drawSizes, nextBatchSize, targetRows } from '../../algorithm/batch-size.js';
import type { BatchSizeSettings } from '../../algorithm/batch-size.js';
import { keepBest } from '../../algorithm/keep-best.js';
import { filterForUpdate } from '../../algorithm/update-filter.js';
import { closely, exactly } from './compare.js';
import { bit, checkCase, integers, real, reals } from './topic.js';
import type { Topic } from './topic.js';

/** The authors' loop draws one batch further ahead than ours. */
const REFERENCE_LAG = 3;

const scoredProblem = { correct: z.array(bit), fci_per_response: z.array(reals) };

const countCase = z.object({ n: z.int(), expected: z.object({ count_by_num_correct: integers }) });

const selection = z.object({
  phi: real,
  dropped: z.boolean(),
  must_branch: integers,
  fill_from: integers,
  fill_count: z.int(),
});

const selectCase = z.object({
  batches: z.array(
    z.object({
      problems: z.array(z.object({ ...scoredProblem, expected: selection })),
      expected: z.object({
        mu_all_correct: real.nullable(),
        seen_all_correct: z.int(),
        mu_all_wrong: real.nullable(),
        seen_all_wrong: z.int(),
      }),
    }),
  ),
});

const runningMeanCase = z.object({
  steps: z.array(z.object({ add: reals, expected: z.object({ mean: real.nullable(), count: z.int() }) })),
});

const filterCase = z.object({
  leaf_rewards_per_problem: z.array(reals),
  expected: z.object({ kept: integers, leaves_left: z.int() }),
});

const pipeline = {
  first_batch: z.int(),
  n: z.int(),
  n_points: z.int(),
  rollouts_per_point: z.int(),
  lambda: z.number(),
};

const batchSizeCase = z.object({
  ...pipeline,
  target_leaves: z.int(),
  surviving_leaves: integers,
  expected: z.object({ next_batch: integers }),
});

const drawScheduleCase = z.object({
  ...pipeline,
  surviving_leaves: integers,
  expected: z.object({ problems_drawn: integers }),
});

const guardCase = z.object({
  ...pipeline,
  current_batch: z.int(),
  surviving_leaves: z.int(),
  max_batch: z.int(),
  dataset_size: z.int(),
});

const keepBestCase = z.object({
  n_kept: z.int(),
  problems: z.array(z.object({ ...scoredProblem, expected: z.object({ kept: integers }) })),
});

export const adsTopic: Topic = {
  count: checkCase(countCase, ({ n, expected }) => {
    const counts = Array.from({ length: n + 1 }, (_, correct) => branchCount(n, correct));
    return exactly('count_by_num_correct', counts, expected.count_by_num_correct);
  }),

  select: checkCase(selectCase, ({ batches }) => {
    let means = NO_INFLUENCE_MEANS;
    return batches.flatMap(({ problems, expected }, b) => {
      const batch = problems.map((each) => ({ correct: each.correct.map(Boolean), influence: each.fci_per_response }));
      const result = selectForBranching(batch, means);
      means = result.means;
      return [
        ...result.selections.flatMap(({ phi, ...chosen }, q) => {
          const { phi: expectedPhi, ...wanted } = problems[q].expected;
          const actual = {
            dropped: chosen.dropped,
            must_branch: chosen.mustBranch,
            fill_from: chosen.fillFrom,
            fill_count: chosen.fillCount,
          };
          const where = `batch ${b} problem ${q}`;
          return [...closely(`${where} phi`, phi, expectedPhi), ...exactly(where, actual, wanted)];
        }),
        ...closely(`batch ${b} mu_all_correct`, meanOf(means.allCorrect), expected.mu_all_correct),
        ...exactly(`batch ${b} seen_all_correct`, means.allCorrect.count, expected.seen_all_correct),
        ...closely(`batch ${b} mu_all_wrong`, meanOf(means.allWrong), expected.mu_all_wrong),
        ...exactly(`batch ${b} seen_all_wrong`, means.allWrong.count, expected.seen_all_wrong),
      ];
    });
  }),

  running_mean: checkCase(runningMeanCase, ({ steps }) => {
    let mean = NO_MEAN;
    return steps.flatMap(({ add, expected }, s) => {
      mean = addToMean(mean, add);
      return [
        ...closely(`step ${s} mean`, meanOf(mean), expected.mean),
        ...exactly(`step ${s} count`, mean.count, expected.count),
      ];
    });
  }),

  filter: checkCase(filterCase, ({ leaf_rewards_per_problem, expected }) => {
    const graded = leaf_rewards_per_problem.map((rewards) => ({ rewards, lowInfluence: false }));
    const { dropped, leafPaths } = filterForUpdate(graded, true);
    const kept = dropped.flatMap((reason, problem) => (reason === null ? [problem] : []));
    return exactly('', { kept, leaves_left: leafPaths }, expected);
  }),

  batch_size: checkCase(batchSizeCase, (goldenCase) => {
    const target = targetOf(goldenCase);
    const settings = unbounded(target, goldenCase.lambda);
    let batchSize = goldenCase.first_batch;
    const sizes = goldenCase.surviving_leaves.map((rows) => (batchSize = nextBatchSize(batchSize, rows, settings)));
    return [
      ...exactly('target_leaves', target, goldenCase.target_leaves),
      ...exactly('next_batch', sizes, goldenCase.expected.next_batch),
    ];
  }),

  draw_schedule: checkCase(drawScheduleCase, (goldenCase) => {
    const settings = unbounded(targetOf(goldenCase), goldenCase.lambda);
    const sizes = drawSizes(goldenCase.first_batch, goldenCase.surviving_leaves, REFERENCE_LAG, settings);
    return exactly('problems_drawn', sizes, goldenCase.expected.problems_drawn);
  }),

  batch_size_guard: checkCase(guardCase, (goldenCase) => {
    const { current_batch, surviving_leaves, max_batch, dataset_size, lambda } = goldenCase;
    const bounds = { maxProblems: max_batch, dataSetSize: dataset_size };
    const next = nextBatchSize(current_batch, surviving_leaves, {
      targetRows: targetOf(goldenCase),
      lambda,
      ...bounds,
    });
    const most = Math.min(max_batch, dataset_size);
    const within = Number.isInteger(next) && next >= 1 && next <= most;
    return within ? [] : [`next batch: got ${next}, expected an integer from 1 to ${most}`];
  }),

  keep_best: checkCase(keepBestCase, ({ n_kept, problems }) =>
    problems.flatMap(({ correct, fci_per_response, expected }, q) =>
      exactly(`problem ${q} kept`, keepBest(correct.map(Boolean), fci_per_response, n_kept), expected.kept),
    ),
  ),
};

function targetOf(settings: { first_batch: number; n: number; n_points: number; rollouts_per_point: number }): number {
  return targetRows(settings.first_batch, settings.n, settings.n_points, settings.rollouts_per_point);
}

function unbounded(target: number, lambda: number): BatchSizeSettings {
  return { targetRows: target, lambda, maxProblems: Infinity, dataSetSize: Infinity };
}
