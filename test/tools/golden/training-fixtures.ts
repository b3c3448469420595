/** One small case of our own per topic and kind, worked out by hand, so that the runner is tested without the reference's files. */
import type { TopicFile } from '../../../tools/golden/run.js';

export const trainingFixtures: TopicFile[] = [
  {
    topic: 'ads',
    schema: 1,
    cases: [
      { id: 'ads-count', kind: 'count', n: 2, expected: { count_by_num_correct: [2, 2, 1] } },
      {
        id: 'ads-select',
        kind: 'select',
        batches: [
          {
            problems: [
              {
                correct: [1, 1],
                fci_per_response: [[0.5], [0.25, 0.75]],
                expected: { phi: 0.5, dropped: true, must_branch: [], fill_from: [], fill_count: 0 },
              },
              {
                correct: [0, 1],
                fci_per_response: [[0], [1]],
                expected: { phi: 0.5, dropped: false, must_branch: [0], fill_from: [1], fill_count: 1 },
              },
            ],
            expected: { mu_all_correct: 0.5, seen_all_correct: 1, mu_all_wrong: null, seen_all_wrong: 0 },
          },
        ],
      },
      {
        id: 'ads-mean',
        kind: 'running_mean',
        steps: [
          { add: [], expected: { mean: null, count: 0 } },
          { add: [1, 2], expected: { mean: 1.5, count: 2 } },
        ],
      },
      {
        id: 'ads-filter',
        kind: 'filter',
        leaf_rewards_per_problem: [[1, 1], [0, 1, 0], [], [0]],
        expected: { kept: [1], leaves_left: 3 },
      },
      {
        id: 'ads-batch-size',
        kind: 'batch_size',
        first_batch: 64,
        n: 6,
        n_points: 2,
        rollouts_per_point: 2,
        lambda: 0.1,
        target_leaves: 1920,
        surviving_leaves: [960],
        expected: { next_batch: [71] },
      },
      {
        id: 'ads-schedule',
        kind: 'draw_schedule',
        first_batch: 64,
        n: 6,
        n_points: 2,
        rollouts_per_point: 2,
        lambda: 0.1,
        surviving_leaves: [960],
        expected: { problems_drawn: [64, 64, 64, 71] },
      },
      {
        id: 'ads-guard',
        kind: 'batch_size_guard',
        first_batch: 8,
        n: 2,
        n_points: 1,
        rollouts_per_point: 1,
        lambda: 0.5,
        current_batch: 90,
        surviving_leaves: 1,
        max_batch: 100,
        dataset_size: 20,
        expected: { finite_integer: true },
      },
      {
        id: 'ads-keep',
        kind: 'keep_best',
        n_drawn: 3,
        n_kept: 2,
        problems: [{ correct: [1, 1, 0], fci_per_response: [[0.5], [0.75], [0]], expected: { kept: [1, 2] } }],
      },
    ],
  },
  {
    topic: 'loss',
    schema: 1,
    cases: [
      {
        id: 'loss-policy',
        kind: 'policy',
        clip_low: 0.2,
        clip_high: 0.28,
        dual_clip: 3,
        kl_weight: 0.5,
        logp: [[-1, -7]],
        logp_old: [[-1, 0]],
        logp_ref: [[-1, 0]],
        advantages: [[2, 9]],
        mask: [[1, 0]],
        expected: {
          loss: -2,
          pg_loss: -2,
          kl: 0,
          pg_clipfrac: 0,
          pg_clipfrac_lower: 0,
          ppo_kl: 0,
          grad_logp: [[-2, 0]],
        },
      },
      {
        id: 'loss-adamw',
        kind: 'adamw',
        lr: 0.5,
        betas: [0, 0],
        eps: 0,
        weight_decay: 0,
        max_grad_norm: 100,
        params: [[[1], [2]]],
        grads_per_step: [[[[3], [-4]]], [[['Infinity'], [0]]]],
        expected: {
          grad_norm_per_step: [5, 'Infinity'],
          params_after_each_step: [[[[0.5], [2.5]]], [[[0.5], [2.5]]]],
          total_change: [[[-0.5], [0.5]]],
        },
      },
    ],
  },
  {
    topic: 'grpo',
    schema: 1,
    cases: [
      {
        id: 'grpo',
        kind: 'grpo',
        group: ['a', 'b', 'a'],
        reward: [1, 3, 1],
        epsilon: 0.5,
        expected: { advantage: [0, 2, 0] },
      },
    ],
  },
  {
    topic: 'reward',
    schema: 1,
    cases: [
      {
        id: 'reward',
        kind: 'reward',
        category: 'integer',
        response: '<think>\\boxed{1}</think>\\boxed{5}',
        ground_truth: ['4', '5'],
        expected: 1,
      },
    ],
  },
];
