import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withLock } from '../../cli/temporal/lock.js';
import { startOf } from '../../cli/temporal/process.js';
import { withFolder } from '../support/temporal.js';

const quiet = { tell: () => undefined };

async function pidOfTheDead(): Promise<number> {
  const child = execFile(process.execPath, ['--eval', '']);
  await once(child, 'exit');
  return child.pid!;
}

it.each<[string, () => Promise<string>]>([
  ['was killed', async () => `${await pidOfTheDead()} yesterday`],
  ['was killed, and another program has its id', () => Promise.resolve(`${process.pid} yesterday`)],
  ['was killed before it wrote anything, as in older versions it could be', () => Promise.resolve('')],
])('one at a time goes on, and leaves nothing, where a holder %s', async (_, abandoned) => {
  await withFolder(async (folder) => {
    await writeFile(join(folder, 'lock'), await abandoned());
    let [inside, done] = [0, 0];
    const work = async (): Promise<void> => {
      expect(++inside).toBe(1);
      await readdir(folder);
      inside--;
      done++;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock(folder, work, quiet)));
    expect(done).toBe(8);
    expect(await readdir(folder)).toEqual([]);
  });
});

it('who replaces an abandoned lock may be killed, too', async () => {
  await withFolder(async (folder) => {
    const dead = String(await pidOfTheDead());
    for (const name of ['lock', 'lock.next', 'lock.next.next']) await writeFile(join(folder, name), dead);
    expect(await withLock(folder, () => Promise.resolve('done'), quiet)).toBe('done');
    expect(await readdir(folder)).toEqual([]);
  });
});

it('says once whom it waits for, and ends a wait in vain', async () => {
  await withFolder(async (folder) => {
    const holder = `${process.pid} ${await startOf(process.pid)}`;
    await writeFile(join(folder, 'lock'), holder);
    const told: string[] = [];
    const waiting = withLock(folder, () => Promise.resolve(), { limitMs: 250, tell: (line) => told.push(line) });
    await expect(waiting).rejects.toMatchObject({ name: 'LockHeld', holder: String(process.pid) });
    expect(told).toEqual([expect.stringContaining(String(process.pid))]);
    expect(await readFile(join(folder, 'lock'), 'utf8')).toBe(holder);
  });
});
