/** One small case of our own per topic and kind, worked out by hand, so that the runner is tested without the reference's files. */
import type { TopicFile } from '../../../tools/golden/run.js';

export const fixtures: TopicFile[] = [
  {
    topic: 'steps',
    schema: 1,
    cases: [
      {
        id: 'steps',
        kind: 'steps',
        prompt_len: 2,
        response_ids: [1, 2, 9, 1],
        response_texts: ['a', '.\n\n', '</think>', 'b'],
        think_end_id: 9,
        expected: {
          step_ranges: [
            [0, 2],
            [2, 4],
            [4, 6],
          ],
          num_response_steps: 2,
          level: 'blank_line',
          think_end_token: 2,
          think_end_step: 2,
        },
      },
    ],
  },
  {
    topic: 'fci',
    schema: 1,
    cases: [
      {
        id: 'fci',
        kind: 'pure',
        seq_len: 4,
        delta: 1,
        step_ranges: [
          [0, 1],
          [1, 2],
          [2, 3],
          [3, 4],
        ],
        think_end_step: -1,
        attn: [
          [
            [
              [1, 0, 0, 0],
              [0.5, 0.5, 0, 0],
              [0.25, 0.25, 0.5, 0],
              [0.125, 0.125, 0.25, 0.5],
            ],
          ],
        ],
        expected: {
          A: [
            [
              [
                [1, 0, 0, 0],
                [0.5, 0.5, 0, 0],
                [0.25, 0.25, 0.5, 0],
                [0.125, 0.125, 0.25, 0.5],
              ],
            ],
          ],
          y: [[[0.875, 0.375, 0.25, 0]]],
          fci: [0, 0, 0.25, 0],
        },
      },
    ],
  },
  {
    topic: 'branch',
    schema: 1,
    cases: [
      {
        id: 'branch-atb',
        kind: 'atb',
        prompt_len: 10,
        step_ranges: [
          [10, 12],
          [12, 15],
          [15, 18],
        ],
        fci: [0, 0.25, 0.5],
        n_points: 2,
        min_token_distance: 512,
        quantile: 0.5,
        expected: {
          threshold: 0.25,
          candidates: [1, 2],
          steps_in_order: [1, 2],
          points_in_order: [2, 5],
          points: [2, 5],
        },
      },
      { id: 'branch-entropy', kind: 'entropy', entropies: [1, 3, 2, 9], n_points: 2, expected: { points: [1, 2] } },
    ],
  },
  {
    topic: 'tree',
    schema: 1,
    cases: [
      {
        id: 'tree',
        kind: 'tree',
        max_response_len: 5,
        responses: [{ len: 4, reward: 1, rollouts: [{ at: 2, len: 9, reward: 0 }] }],
        expected: {
          root_value: 0.5,
          num_leaves: 2,
          nodes: [
            {
              node: 'r0s0',
              parent: 'root',
              response: 0,
              rollout: null,
              start: 0,
              len: 2,
              value: 0.5,
              adv: 0,
              leaves: 2,
            },
            { node: 'r0s1', parent: 'r0s0', response: 0, rollout: null, start: 2, len: 2, value: 1, adv: 1, leaves: 1 },
            { node: 'r0b0', parent: 'r0s0', response: 0, rollout: 0, start: 2, len: 9, value: 0, adv: -1, leaves: 1 },
          ],
          leaves: [
            {
              leaf: 'chain',
              response: 0,
              rollout: null,
              reward: 1,
              path: ['r0s0', 'r0s1'],
              length: 4,
              in_training: true,
              initial_tokens: 4,
              adv_rle: [
                [2, 0],
                [2, 1],
              ],
            },
            {
              leaf: 'rollout',
              response: 0,
              rollout: 0,
              reward: 0,
              path: ['r0s0', 'r0b0'],
              length: 5,
              in_training: true,
              initial_tokens: 2,
              adv_rle: [
                [2, 0],
                [3, -1],
              ],
            },
          ],
        },
      },
    ],
  },
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
