import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ProblemDraw } from '../../iteration/draw.js';
import { FIRST_PROBLEM, type DataCursor } from '../../algorithm/data-order.js';
import { resolveConfig } from '../../contracts/config/resolve.js';
import { SHIPPED_FACTS } from '../../contracts/config/model-defaults.js';
import type { RunManifest } from '../../contracts/artifacts/run-manifest.js';
import { problemSource } from '../../tasks/problem-source.js';

/** Prompts are as long as their problem's number. */
const source = problemSource('numbered', 23, (i) => ({ id: `${i}`, prompt: 'x'.repeat(i), groundTruth: '1' }));
const prompts = { encode: (prompt: unknown) => new Int32Array((prompt as string).length) };

function draw(count: number, cursor: DataCursor, maxPromptTokens: number): ProblemDraw {
  const config = resolveConfig({ seed: 5, sampling: { maxPromptTokens, maxResponseTokens: 64 } }, SHIPPED_FACTS);
  const manifest = { config, dataSetSize: source.size } as RunManifest;
  const drawn = new ProblemDraw(manifest, source, prompts, cursor);
  while (drawn.problems.length < count) drawn.advance(count);
  return drawn;
}

test('draws one after another are one long draw, over the ends of epochs too', () => {
  const counts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(counts, fc.integer({ min: 3, max: 30 }), (parts, limit) => {
      let cursor = FIRST_PROBLEM;
      const indices: number[] = [];
      let skipped = 0;
      for (const count of parts) {
        const part = draw(count, cursor, limit);
        expect(part.problems).toHaveLength(count);
        indices.push(...part.problems.map(({ index }) => index));
        skipped += part.skippedPrompts;
        cursor = part.cursor;
      }
      const whole = draw(indices.length, FIRST_PROBLEM, limit);
      expect(indices).toEqual(whole.problems.map(({ index }) => index));
      expect([skipped, cursor]).toEqual([whole.skippedPrompts, whole.cursor]);
    }),
    { numRuns: 60 },
  );
});

test('an epoch holds every problem that fits once, and counts every other one', () => {
  const fitting = 11; // prompts of 0 … 10 tokens
  const epoch = draw(fitting, FIRST_PROBLEM, 10);
  const rest = draw(fitting, epoch.cursor, 10);
  expect(epoch.problems.map(({ index }) => index).sort((a, b) => a - b)).toEqual(
    Array.from({ length: fitting }, (_, i) => i),
  );
  expect(epoch.skippedPrompts + rest.skippedPrompts).toBeGreaterThanOrEqual(source.size - fitting);
  expect(rest.problems.map(({ index }) => index)).not.toEqual(epoch.problems.map(({ index }) => index));
});
