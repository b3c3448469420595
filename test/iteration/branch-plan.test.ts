import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { BatchProblem } from '../../iteration/batch.js';
import { planBranches } from '../../iteration/branch-plan.js';
import { NO_INFLUENCE_MEANS } from '../../algorithm/adaptive-sampling.js';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';

interface AttentionCase {
  readonly id: string;
  readonly kind: string;
  readonly prompt_len: number;
  readonly step_ranges: readonly (readonly [number, number])[];
  readonly fci: readonly number[];
  readonly n_points: number;
  readonly min_token_distance: number;
  readonly quantile: number;
  readonly expected: { readonly points: readonly number[] };
}

const directory = resolve(import.meta.dirname, '../../../shared/golden');

describe.skipIf(!existsSync(directory))(`golden branch points (skipped without ${directory})`, () => {
  test('are those of a run', () => {
    const { cases } = JSON.parse(readFileSync(join(directory, 'branch.json'), 'utf8')) as {
      readonly cases: readonly AttentionCase[];
    };
    const attention = cases.filter(({ kind }) => kind === 'atb');
    expect(attention.length).toBeGreaterThan(0);
    for (const { id, expected, ...settings } of attention) expect(pointsInRun(settings), id).toEqual(expected.points);
  });
});

/** Of the only response of a batch. */
function pointsInRun({
  prompt_len,
  step_ranges,
  fci,
  n_points,
  min_token_distance,
  quantile,
}: Omit<AttentionCase, 'id' | 'expected'>): readonly number[] {
  const length = step_ranges.at(-1)![1] - prompt_len;
  const config = resolveConfig(
    {
      sampling: { maxPromptTokens: 1_000_000, maxResponseTokens: 1_000_000 },
      branching: { pointsPerResponse: n_points, minTokenDistance: min_token_distance, quantile },
      adaptiveSampling: { enabled: false },
      update: { tokenBudget: 2_000_000 },
    },
    SHIPPED_FACTS,
  );
  const perToken = new Float32Array(length);
  const problem: BatchProblem = {
    index: 0,
    place: 0,
    prompt: new Array<number>(prompt_len).fill(1),
    groundTruth: '',
    responses: [
      {
        correct: true,
        rollout: {
          problem: 0,
          response: 0,
          branch: 0,
          at: 0,
          finished: true,
          tokens: new Int32Array(length),
          logProbs: perToken,
        },
        score: {
          logProbs: perToken,
          entropies: perToken,
          influence: Float32Array.from(fci),
          stepEnds: Int32Array.from(step_ranges, ([, end]) => end - prompt_len),
        },
      },
    ],
  };
  const { plan } = planBranches([problem], config, 0, { batchSize: 1, means: NO_INFLUENCE_MEANS });
  return plan.problems[0].responses[0].points;
}
