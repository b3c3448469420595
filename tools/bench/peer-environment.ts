/** The Python virtual environment that the peers run in, made on first use and again when the requirements changed. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** tools/bench/peers of the project, seen from dist/tools/bench. */
export const PEERS = fileURLToPath(new URL('../../../tools/bench/peers/', import.meta.url));
export const REQUIREMENTS = join(PEERS, 'requirements.txt');

const ENVIRONMENT = join(PEERS, '.venv');
const STAMP = join(ENVIRONMENT, '.requirements-sha256');

export class PeersNotInstalled extends Error {
  override readonly name = 'PeersNotInstalled';
  constructor(how: string) {
    super(
      `the peers could not be installed: ${how}, see above. Needed: Python 3.10 or newer with venv ` +
        '(PYTHON names another executable than python3), a package index, 6 GB of disk.',
    );
  }
}

/** Path of the environment's Python. Rejects with `PeersNotInstalled`. */
export async function peerPython(): Promise<string> {
  const python = join(ENVIRONMENT, 'bin', 'python');
  const wanted = createHash('sha256')
    .update(await readFile(REQUIREMENTS))
    .digest('hex');
  const installed = await readFile(STAMP, 'utf8').catch(() => '');
  if (installed === wanted) return python;

  console.error('installing the peers (some minutes)');
  await rm(ENVIRONMENT, { recursive: true, force: true });
  await install(process.env.PYTHON ?? 'python3', ['-m', 'venv', ENVIRONMENT]);
  await install(python, ['-m', 'pip', 'install', ...QUIETLY, '-r', REQUIREMENTS]);
  await writeFile(STAMP, wanted);
  return python;
}

/** For pip. */
export const QUIETLY = ['--quiet', '--disable-pip-version-check'];

async function install(command: string, args: readonly string[]): Promise<void> {
  const failure = await execute(command, args);
  if (failure !== undefined) throw new PeersNotInstalled(failure);
}

/** Shows on stderr whatever the command says. Resolves with what went wrong: `python3 ended with exit code 1`. */
export function execute(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 2, 2] });
    child.once('error', ({ message }) => resolve(`${command} ${message}`));
    child.once('exit', (code, signal) =>
      resolve(code === 0 ? undefined : `${command} ended with ${signal ?? `exit code ${code}`}`),
    );
  });
}
