/** Builds the Temporal CLI from source: about 2.5 minutes on two cores when nothing of it is there yet. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SetupError, since, step } from './step.mjs';

/** The newest release that `go install` accepts (later ones have a replace directive) and that has what we need. */
const MODULE = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';
const SIGN_OF_LIFE_MS = 20_000;

/** @type {import('./obtain-temporal.mjs').Fetcher} */
export async function goInstallTemporal(target, env) {
  await mkdir(dirname(target), { recursive: true });
  // Not into place at once: an interrupted build must not leave a broken binary there.
  const folder = await mkdtemp(join(dirname(target), '.go-install-'));
  try {
    await go(['install', MODULE], { ...env, GOBIN: folder });
    const [file] = await readdir(folder);
    if (file === undefined) throw new SetupError(`${MODULE} gave no executable`);
    await rename(join(folder, file), target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns {Promise<void>} */
function go(/** @type {string[]} */ args, /** @type {NodeJS.ProcessEnv} */ env) {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn('go', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (errors += text));
    const signOfLife = setInterval(() => {
      const downloaded = errors.match(/go: downloading/g)?.length ?? 0;
      step(
        'temporal',
        `go install: ${since(start)}, ${String(downloaded)} modules downloaded, building (about 3 minutes)`,
      );
    }, SIGN_OF_LIFE_MS);
    child.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      clearInterval(signOfLife);
      reject(new SetupError(error.code === 'ENOENT' ? 'no Go here' : error.message));
    });
    child.on('close', (code) => {
      clearInterval(signOfLife);
      const lines = errors.split('\n').filter((line) => line !== '' && !line.startsWith('go: downloading'));
      if (code === 0) resolve();
      else reject(new SetupError(`exit code ${String(code)}: ${lines.slice(0, 3).join(' | ')}`));
    });
  });
}
