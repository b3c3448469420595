import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from './process.js';

/** Runs the work while no other process of this machine does so for the same folder. */
export async function withLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, 'lock');
  await mkdir(folder, { recursive: true });
  while (!(await take(path))) {
    await removeIfAbandoned(path);
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

/** Its holder was killed. An empty file is being written right now. */
async function removeIfAbandoned(path: string): Promise<void> {
  const holder = await readFile(path, 'utf8').catch(() => '');
  if (holder !== '' && !isAlive(Number(holder))) await rm(path, { force: true });
}
