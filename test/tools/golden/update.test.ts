/** The learners' processes against the reference's optimiser steps. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTopicFile, runCases, sharedEngines } from '../../../tools/golden/run.js';
import { findTfjs } from '../../../scripts/load-tfjs.mjs';

const directory = resolve(import.meta.dirname, '../../../../shared/golden');

describe.skipIf(!existsSync(directory))(`golden updates (skipped without ${directory})`, () => {
  for (const learner of ['onnx', 'tfjs'] as const) {
    test.skipIf(learner === 'tfjs' && findTfjs() === undefined)(`by the learner "${learner}"`, async () => {
      const file = await readTopicFile(join(directory, 'update.json'));
      const { engines, close } = sharedEngines(learner);
      const results = await runCases(file, { directory, engines });
      await close();
      expect(results.flatMap(({ id, differences }) => differences.map((one) => `${id} ${one}`))).toEqual([]);
      expect(results.length).toBeGreaterThan(0);
    });
  }
});
