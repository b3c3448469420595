/**
 * `npm run check:release`: what passes before a release is made, an hour at most on two cores. Goes on after a failure.
 * The model of 1.5B parameters is not trained: weights, reference and gradient take 21 GB beside the engine's 7.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { root } from './paths.mjs';
import { since, step } from './step.mjs';

const require = createRequire(import.meta.url);
const vitest = join(dirname(require.resolve('vitest/package.json')), 'vitest.mjs');
const real = join(root, 'dist', 'tools', 'bench', 'acceptance', 'main.js');
const SMALL = ['--problems', '2', '--responses', '3', '--tokens', '64'];

/** @type {Readonly<Record<string, readonly string[]>>} */
const checks = {
  'smollm2-135m': [real, 'smollm2-135m'],
  'qwen2.5-coder-0.5b': [real, 'qwen2.5-coder-0.5b', '--iterations', '1', ...SMALL, '--without', 'fork'],
  'qwen2.5-coder-1.5b': [real, 'qwen2.5-coder-1.5b', ...SMALL, '--without', 'train'],
  // Behind the models: they install transformers, which makes the families anew.
  families: [vitest, 'run', 'test/policy/families.test.ts'],
};

const start = performance.now();
const outcomes = Object.entries(checks).map(([name, args]) => {
  const begun = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return { name, passed: status === 0, took: since(begun) };
});
for (const { name, passed, took } of outcomes) step(passed ? 'passed' : 'FAILED', `${name}, ${took}`);
step('in all', since(start));
process.exitCode = outcomes.every(({ passed }) => passed) ? 0 : 1;
