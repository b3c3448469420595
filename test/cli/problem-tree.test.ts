import { expect, it } from 'vitest';
import type { PointReason } from '../../contracts/artifacts/documents.js';
import type { ProblemView } from '../../runs/inspect.js';
import { problemTree } from '../../cli/display/problem-tree.js';

/** One response of two segments, cut for this reason. */
function treeWith(reason: PointReason): string {
  const node = { value: 1, advantage: 0, leaves: 1, start: 0, length: 2 };
  const view: ProblemView = {
    problem: 0,
    index: 7,
    correct: 1,
    responses: 1,
    phi: 0,
    branches: 1,
    value: 1,
    dropped: null,
    paths: 1,
    prompt: 'q',
    groundTruth: '1',
    trees: [
      {
        response: 0,
        reward: 1,
        reason: 'equal',
        branched: 'all',
        finished: true,
        tokens: 4,
        segments: [
          { ...node, steps: [], branchPoint: { at: 2, reasons: [reason], branches: [] } },
          { ...node, steps: [], branchPoint: null },
        ],
      },
    ],
  };
  return problemTree(view);
}

it('says why a response is branched where it is', () => {
  expect(treeWith({ step: 3, why: 'influence', influence: 0.25 })).toContain('FCI 0.2500, among the highest');
  expect(treeWith({ step: 1, why: 'front', influence: 0 })).toContain('candidates ran out: the earliest step left');
  expect(treeWith({ why: 'entropy', entropy: 1.5 })).toContain('entropy 1.500');
});

it('does not call a step without influence one of the highest', () => {
  const text = treeWith({ step: 1, why: 'influence', influence: 0 });
  expect(text).toContain('step 1, FCI 0.0000, no influence: the earliest step');
  expect(text).not.toContain('among the highest');
});
