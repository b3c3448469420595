import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTopicFile, runCases, sharedEngines } from '../../../tools/golden/run.js';

/** The reference's answers lie beside the project, where they are given at all. */
const directory = resolve(import.meta.dirname, '../../../../shared/golden');
const pureKinds: Record<string, string[]> = {
  steps: ['steps'],
  fci: ['pure'],
  branch: ['atb', 'entropy'],
  tree: ['tree'],
  ads: ['count', 'select', 'running_mean', 'filter', 'batch_size', 'draw_schedule', 'batch_size_guard', 'keep_best'],
  loss: ['policy', 'micro_batches', 'adamw'],
  grpo: ['grpo'],
  reward: ['reward'],
};

describe.skipIf(!existsSync(directory))(`golden cases (skipped without ${directory})`, () => {
  test.each(Object.entries(pureKinds))('%s', async (topic, kinds) => {
    const file = await readTopicFile(join(directory, `${topic}.json`));
    const cases = file.cases.filter(({ kind, debatable }) => kinds.includes(kind) && debatable !== true);
    expect(cases.length).toBeGreaterThan(0);
    const results = await runCases({ ...file, cases }, { directory, engines: sharedEngines().engines });
    const failed = results.filter(({ differences }) => differences.length > 0);
    expect(failed.map(({ id, differences }) => `${id} ${differences[0]}`)).toEqual([]);
  });
});
