/** What `attnrl doctor` says of TensorFlow.js, which only runs with `"learner": "tfjs"` need. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findTfjs } from '../../scripts/load-tfjs.mjs';
import type { Finding } from './finding.js';

/** A product of two by two on a GPU that has to be woken takes most of a minute. */
const LIMIT_MS = 120_000;

export async function checkTensorFlow(): Promise<Finding> {
  const check = 'learner "tfjs"';
  const folder = findTfjs();
  if (folder === undefined) {
    const remedy = 'where a run is to have "learner": "tfjs": `npm run setup:tfjs -- cpu` (or gpu)';
    return { check, state: 'ok', found: 'not set up, and no run needs it', remedy };
  }
  // In a process of its own, as the learner is: a library that does not fit the machine may take it down.
  const script = fileURLToPath(new URL('../../scripts/verify-tfjs.mjs', import.meta.url));
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  return new Promise((resolve) => {
    execFile(process.execPath, [script, folder], { timeout: LIMIT_MS, env }, (error, stdout, stderr) => {
      if (!error) {
        resolve({ check, state: 'ok', found: stdout.trim() });
        return;
      }
      const [problem] = /^\w*Error: .*$/m.exec(stderr) ?? [error.message.split('\n')[0]];
      const remedy = `remove ${folder} and run the set-up again: \`npm run setup:tfjs -- cpu\` (or gpu)`;
      resolve({ check, state: 'fail', found: problem, remedy });
    });
  });
}
