/** llama.cpp for Node.js, prebuilt, in the user's cache: only a bench compares with it, so it is no dependency of the project. */
import { createHash } from 'node:crypto';
import { access, cp, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../scripts/cache.mjs';
import { ifAbsent } from '../../store/absent.js';
import { execute, PEERS } from './peer-environment.js';

const PROJECT = join(PEERS, 'llama');
const FILES = ['package.json', 'package-lock.json'];

export class LlamaNotInstalled extends Error {
  override readonly name = 'LlamaNotInstalled';
  constructor(how: string) {
    super(`node-llama-cpp could not be installed: ${how}, see above. Needed: Linux on x64, npm and its registry.`);
  }
}

/** The folder in which it is installed, on first use. Rejects with `LlamaNotInstalled`. */
export async function llamaFolder(): Promise<string> {
  const lock = await readFile(join(PROJECT, 'package-lock.json'));
  const hash = createHash('sha256').update(lock).digest('hex').slice(0, 16);
  const folder = join(cacheFolder(), 'llama', hash);
  if (await access(folder).then(() => true, ifAbsent(false))) return folder;

  console.error('installing node-llama-cpp');
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  for (const name of FILES) await cp(join(PROJECT, name), join(draft, name));
  // Its own script would build llama.cpp where it finds none that is prebuilt. `ci` refuses a lock without the packages of other
  // platforms, which not every registry has.
  const arguments_ = ['install', '--prefix', draft, '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund'];
  const failure = await execute('npm', arguments_);
  if (failure !== undefined) throw new LlamaNotInstalled(failure);
  await rename(draft, folder);
  return folder;
}
