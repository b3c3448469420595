/** vLLM's build for CPUs in an environment of its own, in the user's cache: it needs another Python and another torch. */
import { createHash } from 'node:crypto';
import { access, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/cache.mjs';
import { ifAbsent } from '../../store/absent.js';
import { execute, PEERS, QUIETLY } from './peer-environment.js';

const REQUIREMENTS = join(PEERS, 'vllm-requirements.txt');
const OVERRIDES = join(PEERS, 'vllm-overrides.txt');

/** Not all machines can have it: benches go on without. */
export class VllmNotInstalled extends Error {
  override readonly name = 'VllmNotInstalled';
  constructor(how: string) {
    super(`${how}; needed: Python 3.12 with venv (PYTHON312 names another executable than python3.12), 6 GB of disk`);
  }
}

/** Path of the environment's Python. Rejects with `VllmNotInstalled`. */
export async function vllmPython(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [REQUIREMENTS, OVERRIDES]) hash.update(await readFile(file));
  const folder = join(cacheFolder(), 'vllm', hash.digest('hex').slice(0, 16));
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, '.installed');
  if (await access(stamp).then(() => true, ifAbsent(false))) return python;

  console.error('installing vLLM (some minutes)');
  await rm(folder, { recursive: true, force: true });
  const uv = ['-m', 'uv', 'pip', 'install', '--quiet', '--python', python];
  await install(process.env.PYTHON312 ?? 'python3.12', ['-m', 'venv', folder]);
  await install(python, ['-m', 'pip', 'install', ...QUIETLY, 'uv']);
  await install(python, [...uv, '-r', REQUIREMENTS, '--override', OVERRIDES]);
  await writeFile(stamp, '');
  return python;
}

async function install(command: string, args: readonly string[]): Promise<void> {
  const failure = await execute(command, args);
  if (failure !== undefined) throw new VllmNotInstalled(failure);
}
