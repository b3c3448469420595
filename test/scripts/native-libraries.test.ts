/** Each process maps the native libraries of its own work, and of no other: a fresh one imports the entry and looks at its memory. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ROOT } from '../support/process.js';

const LIBRARIES = {
  onnxruntime: /libonnxruntime|onnxruntime_binding/,
  tensorflow: /libtensorflow|tfjs_binding/,
  temporal: /core-bridge.*\.node/,
} as const;
type Library = keyof typeof LIBRARIES;

/** @param module in dist/, imported and not run: what it needs at once is loaded with it */
async function librariesOf(module: string): Promise<Library[]> {
  const look = [
    `await import(${JSON.stringify(join(ROOT, 'dist', module))});`,
    "const { readFileSync } = await import('node:fs');",
    "console.log(readFileSync('/proc/self/maps', 'utf8'));",
    'process.exit();',
  ].join('\n');
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', look], {
    maxBuffer: 2 ** 24,
  });
  return (Object.keys(LIBRARIES) as Library[]).filter((library) => LIBRARIES[library].test(stdout));
}

it.skipIf(process.platform !== 'linux').each<readonly [string, string, readonly Library[]]>([
  ['the learner on onnxruntime', 'policy/onnx/learn/onnx-learner.js', ['onnxruntime']],
  ['the inference engine', 'policy/processes/inference-host.js', ['onnxruntime']],
  ['the learner on TensorFlow.js, before it loads that', 'policy/tfjs/tfjs-learner.js', []],
  ['what opens engines and learners as processes', 'policy/processes/open.js', []],
  ['a verifier', 'tasks/verifiers.js', []],
  ['what a worker shares among its activities', 'services/open-services.js', []],
  ['the codec server', 'cli/codec-server.js', []],
  ['what plans a run', 'runs/plan/plan-run.js', []],
  ['a worker', 'workers/create-workers.js', ['temporal']],
])('%s', async (_, module, libraries) => {
  expect(await librariesOf(module)).toEqual(libraries);
});
