/**
 * The download built into Temporal's SDK. It happens when a test server starts, within native code that knows no time
 * limit: so it runs in a child process, which is ended when nothing arrives any more.
 */
import { fork } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError } from './step.mjs';

const isChild = process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url);
const STALL_LIMIT_MS = 30_000;

/** @type {import('./obtain-temporal.mjs').Fetcher} */
export async function downloadTemporal(target, env) {
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(join(dirname(target), '.download-'));
  try {
    const message = await inChild(folder, env);
    const [file] = (await readdir(folder)).filter((name) => !name.endsWith('.downloading'));
    if (file === undefined) throw new SetupError(message || 'it left no file');
    await rename(join(folder, file), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns {Promise<string>} why it failed; '' when it did not */
function inChild(/** @type {string} */ folder, /** @type {NodeJS.ProcessEnv} */ env) {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [folder], { env, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    let message = '';
    let size = 0;
    let lastGrowth = performance.now();
    const watch = setInterval(() => {
      void sizeOf(folder).then((now) => {
        if (now > size) lastGrowth = performance.now();
        size = now;
        if (performance.now() - lastGrowth < STALL_LIMIT_MS) return;
        message = `nothing arrived for ${STALL_LIMIT_MS / 1000} s`;
        child.kill('SIGKILL');
      });
    }, 1000);
    child.on('message', (text) => (message = /** @type {string} */ (text)));
    child.on('error', reject);
    child.on('exit', () => {
      clearInterval(watch);
      resolve(message);
    });
  });
}

async function sizeOf(/** @type {string} */ folder) {
  const names = await readdir(folder).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (s) => s.size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((a, b) => a + b, 0);
}

if (isChild) {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const executable = { type: /** @type {const} */ ('cached-download'), downloadDir: process.argv[2] };
  await TestWorkflowEnvironment.createLocal({ server: { executable } })
    .then((environment) => environment.teardown())
    .catch((/** @type {unknown} */ error) => process.send?.(lastCause(error)));
  process.disconnect();
}

/** The native error repeats each cause within the one before; the last is the one that says something. */
function lastCause(/** @type {unknown} */ error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.split(/: (?=error |client error |dns error|failed to )/).at(-1) ?? text;
}
