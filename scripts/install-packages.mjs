import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, root } from './paths.mjs';
import { SetupError, since, step } from './step.mjs';

const stampFile = join(root, 'node_modules', '.attnrl-installed');
/** npm writes this file at the end of every install; without it, packages are absent or half there. */
const npmMarker = join(root, 'node_modules', '.package-lock.json');

/**
 * Runs `npm ci` when the lockfile changed since the last time. No package of ours needs an install script: native
 * binaries are in the packages. Only onnxruntime-node's script is of use, to fetch its GPU libraries (some 100 MB), and it runs
 * when asked for: ONNXRUNTIME_NODE_INSTALL=cuda12.
 */
export function installPackages() {
  const gpu = process.env.ONNXRUNTIME_NODE_INSTALL ?? 'skip';
  const stamp = `${hashOf(join(root, 'package-lock.json'))} ${process.platform}-${process.arch} onnxruntime=${gpu}\n`;
  if (hashOf(npmMarker) !== '' && hashOf(stampFile) !== '' && readFileSync(stampFile, 'utf8') === stamp) return;

  const start = performance.now();
  step('packages', 'installing (npm ci) …');
  npm(['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  if (gpu !== 'skip') {
    step('packages', `fetching onnxruntime's GPU libraries (${gpu}) …`);
    const script = join(root, 'node_modules/onnxruntime-node/script/install.js');
    run(process.execPath, [script], "onnxruntime-node's install script (ONNXRUNTIME_NODE_INSTALL)");
  }
  writeFileSync(stampFile, stamp);
  step('packages', `installed in ${since(start)}`);
}

/** The npm that runs us, if one does: a bare `npm` is a shell script on Windows. */
function npm(/** @type {string[]} */ args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) run(process.execPath, [cli, ...args], 'npm ci');
  else run('npm', args, 'npm ci', process.platform === 'win32');
}

function run(
  /** @type {string} */ command,
  /** @type {string[]} */ args,
  /** @type {string} */ what,
  /** @type {boolean} */ shell = false,
) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], shell });
  if (result.error) throw new SetupError(`${what} did not start: ${result.error.message}`);
  if (result.status !== 0) throw new SetupError(`${what} failed (exit code ${String(result.status)}), see above`);
}
