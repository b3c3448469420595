/** One small case of our own per topic and kind, worked out by hand, so that the runner is tested without the reference's files. */
import type { TopicFile } from '../../../tools/golden/run.js';

export const samplingFixtures: TopicFile[] = [
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
];
