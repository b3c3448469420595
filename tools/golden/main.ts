#!/usr/bin/env node
/** `npm run golden -- DIR`: checks the implementation against the golden cases of a folder. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import type { LearnerRuntime } from './engines.js';
import { reportTopic } from './report.js';
import { readTopicFile, runCases, sharedEngines, topicFiles } from './run.js';

/** dist/tools/golden/ lies three folders below the project's root. */
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

async function golden(directory: string, { learner }: { learner: LearnerRuntime }): Promise<void> {
  const files = await topicFiles(directory);
  if (files.length === 0) throw new Error(`no topic files (*.json) in ${directory}`);
  const { engines, close } = sharedEngines(learner);
  let passed = 0;
  let failed = 0;
  try {
    for (const path of files) {
      const file = await readTopicFile(path);
      const counts = reportTopic(file.topic, await runCases(file, { directory, engines }));
      passed += counts.passed;
      failed += counts.failed;
    }
  } finally {
    await close();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await new Command('golden')
  .description('Check the implementation against the golden cases of every topic file in a folder.')
  .argument('[dir]', 'folder of the topic files', resolve(root, '../shared/golden'))
  .addOption(
    new Option('--learner <runtime>', 'what the topic `update` runs on').choices(['onnx', 'tfjs']).default('onnx'),
  )
  .action(golden)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
