import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { GroupFolder } from '../../../policy/processes/group-folder.js';

it('making a folder for a group removes those of processes that no longer live, and no others', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'group-folders-'));
  try {
    const ended = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(ended, 'exit');
    const ofProcess = (pid: number | undefined, host = hostname()): string => `attnrl-team-${host}-${pid}-AbC12z`;
    const kept = [ofProcess(process.ppid), ofProcess(ended.pid, 'elsewhere'), ofProcess(ended.pid, `${hostname()}-1`)];
    const ofLastBoot = `attnrl-team-${hostname()}-${process.pid}-Zyx98w`;
    for (const name of [...kept, ofProcess(ended.pid), ofLastBoot, ofProcess(process.pid)]) {
      await mkdir(join(parent, name, 'full'), { recursive: true });
    }
    await utimes(join(parent, ofLastBoot), 0, 0);

    const made = GroupFolder.make(parent);
    const left = await readdir(parent);
    expect(left.toSorted()).toEqual([...kept, ofProcess(process.pid), basename(made.path)].toSorted());
    made.remove();
    expect(await readdir(parent)).toHaveLength(left.length - 1);
  } finally {
    await rm(parent, { recursive: true });
  }
});
