import { describe, expect, it } from 'vitest';
import { countSteps, stepMetrics, type CutResponse } from '../../algorithm/step-counts.js';
import { influenceWarning, influenceWarningText } from '../../contracts/protocol/influence-warning.js';
import type { IterationSummary, RunState } from '../../contracts/protocol/run.js';
import { runDetails } from '../../workflows/summaries.js';

const short: CutResponse = { cutBy: 'line', influence: [0, 0, 0] };
const long: CutResponse = { cutBy: 'blank-line', influence: [0, 0.5, 0, 0, 0, 0] };

function batchOf(...responses: readonly CutResponse[]) {
  return { responses: responses.length, steps: countSteps(responses) };
}

describe('the warning', () => {
  it('is given where most responses have no influence', () => {
    expect(influenceWarning('attnrl', batchOf(short, long, short))).toEqual({ responses: 3, withoutInfluence: 2 });
    expect(influenceWarning('attnrl', batchOf(short, long))).toBeUndefined();
  });

  it('is not given where branch points do not go by influence, nor for batches of older versions', () => {
    expect(influenceWarning('treerl', batchOf(short))).toBeUndefined();
    expect(influenceWarning('grpo', batchOf(short))).toBeUndefined();
    expect(influenceWarning('attnrl', { responses: 1 })).toBeUndefined();
  });

  it('says the share, what it means, and what to do', () => {
    const text = influenceWarningText({ responses: 48, withoutInfluence: 27 });
    expect(text).toMatch(/^27 of the newest 48 responses \(56 %\)/);
    expect(text).toContain('branched at their earliest steps');
    expect(text).toContain('`steps.separator`');
  });
});

describe("the run's page", () => {
  const summary = {
    iteration: 3,
    responses: 4,
    accuracy: 0.5,
    meanFci: 0.01,
    branches: 8,
    leaves: 10,
    nextBatchSize: 6,
    update: null,
    seconds: {},
  } as unknown as IterationSummary;
  const state = {
    model: 'm',
    plan: { algorithm: 'attnrl', pipeline: 'on-policy', iterations: 10, evaluationSets: [] },
    iteration: 4,
    evaluations: [],
    steering: { pausedSince: null, learningRate: null, unrecorded: [] },
    pace: null,
  } as unknown as RunState;
  const page = (changes: Partial<RunState>): string =>
    runDetails({ ...state, ...changes }, { phase: 'training', children: [], reasons: [], now: 0 });

  it('shows steps, responses without influence and what cut them, of iterations that counted them', () => {
    const { responses, steps } = batchOf(long, long, long, short);
    const counted = { ...summary, steps: stepMetrics(steps, responses) };
    const text = page({ recent: [summary, counted] });
    expect(text).toContain('| 0.010 | 5.3 | 25 % | 8 |');
    expect(text).toContain('| 0.010 | – | – | 8 |');
    expect(text).toContain('Responses of iteration 3 were cut into steps: 75 % at each blank line, 25 % at each line');
    expect(page({ recent: [summary] })).not.toContain('cut into steps');
  });

  it('warns as long as most of the newest responses have no influence', () => {
    expect(page({ recent: [], influenceWarning: { responses: 4, withoutInfluence: 3 } })).toContain(
      '> ⚠ 3 of the newest 4 responses (75 %)',
    );
    expect(page({ recent: [] })).not.toContain('⚠');
  });
});
