import { expect, it } from 'vitest';
import { ApplicationFailure } from '@temporalio/common';
import { jsonDisplay, plainDisplay } from '../../cli/display/plain-display.js';
import { accuracyTable } from '../../cli/display/result-table.js';
import { exitCode, failureOf, Interrupted, UsageError } from '../../cli/errors.js';
import type { RunEvent } from '../../cli/events.js';
import { EngineCrashed } from '../../contracts/errors/engine-errors.js';
import { InvalidConfig } from '../../contracts/errors/run-errors.js';

const ITERATION: RunEvent = {
  event: 'iteration',
  iteration: 11,
  iterations: 60,
  problems: 24,
  skippedPrompts: 0,
  responses: 144,
  accuracy: 0.47,
  reward: 0.45,
  meanFci: 0.1234,
  branchPoints: 96,
  branches: 192,
  dropped: { lowInfluence: 1, allCorrect: 2, allWrong: 3, noRows: 0 },
  leaves: 250,
  validTokens: 12_345,
  nextBatchSize: 26,
  update: null,
  seconds: { generate: 1.23, verify: 0.001, total: 2.34 },
  tokensPerSecond: 5100,
};

function shown(display: typeof plainDisplay, event: RunEvent): string[] {
  const lines: string[] = [];
  display((line) => lines.push(line)).show(event);
  return lines;
}

it('an iteration shows all its numbers, in lines that fit a terminal', () => {
  const [text] = shown(plainDisplay, ITERATION);
  const lines = text.split('\n');
  expect(lines[0]).toMatch(
    /^iteration 12\/60 · correct 47\.0 % · .* · dropped 2 all correct, 3 all wrong, 1 low influence$/,
  );
  expect(lines[1]).toBe('  V 250 · 12345 valid tokens · next B 26 · no update');
  expect(lines[2]).toBe('  2.3 s · 5100 tokens/s · generate 1.2');
  for (const line of lines) expect(line.length).toBeLessThan(140);
});

it('an iteration says how responses fell into steps, where attention had no say in some', () => {
  const cutBy = { 'blank-line': 0.5, line: 0.25, sentence: 0, token: 0.25 };
  const linesOf = (steps: object): string[] =>
    shown(plainDisplay, { ...ITERATION, steps: { perResponse: 4.2, withoutInfluence: 0.5, cutBy, ...steps } })[0].split(
      '\n',
    );
  expect(linesOf({})[1]).toBe(
    '  4.2 steps per response · 50.0 % without influence · cut at each blank line 50.0 %, line 25.0 %, token 25.0 %',
  );
  expect(linesOf({})).toHaveLength(4);
  expect(linesOf({ withoutInfluence: 0, cutBy: { ...cutBy, token: 0 } })).toHaveLength(3);
});

it('progress is for live displays and programs only', () => {
  const progress: RunEvent = { event: 'progress', phase: 'training', iteration: 1, iterations: 2, work: [] };
  expect(shown(plainDisplay, progress)).toEqual([]);
  expect(shown(jsonDisplay, progress).map((line) => JSON.parse(line) as unknown)).toEqual([progress]);
});

it('the table shows every set before and after', () => {
  const evaluation = (accuracies: number[], mean: number) => ({
    policyVersion: 0,
    accuracies,
    mean,
    evaluation: { sha256: '', bytes: 0, kind: 'evaluation' as const },
  });
  const table = accuracyTable(['short', 'long'], evaluation([0.5, 0.25], 0.375), evaluation([0.9, 0.2], 0.55));
  expect(table).toMatch(/short.*50\.0 %.*90\.0 %.*\+40\.0/);
  expect(table).toMatch(/long.*25\.0 %.*20\.0 %.*-5\.0/);
  expect(table).toMatch(/mean.*37\.5 %.*55\.0 %.*\+17\.5/);
});

it.each([
  [new InvalidConfig([{ path: 'seed', problem: 'too small' }]), 2],
  [new UsageError('no'), 2],
  [ApplicationFailure.create({ type: 'InvalidConfig', message: 'refused' }), 2],
  [ApplicationFailure.create({ type: 'NonFiniteUpdate', message: 'NaN' }), 1],
  [new Error('anything'), 1],
  [new Interrupted('Ctrl-C'), 130],
])('%s ends with exit code %i', (error, code) => {
  expect(exitCode(error)).toBe(code);
});

it('a failure of the run is told as what it is', () => {
  const failure = ApplicationFailure.create({ type: 'NonFiniteUpdate', message: 'loss NaN' });
  expect(failureOf(failure)).toEqual({ type: 'NonFiniteUpdate', message: 'loss NaN' });
});

it('an attempt that failed, and a run, are told with what the engine said', () => {
  const { message } = new EngineCrashed({ how: 'exit code 1', exception: 'RangeError: x, at f (policy/a.ts:1)' });
  const failure = 'an exception ended the engine process: RangeError: x, at f (policy/a.ts:1)';
  expect(shown(plainDisplay, { event: 'retry', name: 'learn-0 update', attempt: 2, failure: message })).toEqual([
    `learn-0 update: attempt 2, the one before failed: ${failure}`,
  ]);
  const event: RunEvent = {
    event: 'failure',
    ...failureOf(ApplicationFailure.create({ type: 'EngineCrashed', message })),
  };
  expect(shown(plainDisplay, event)).toEqual([`EngineCrashed: ${failure}`]);
});
