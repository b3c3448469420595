/**
 * A folder for what the members of a group exchange, among those for temporary files. Its name says whose it is, so that
 * folders of processes that were killed can be told from those in use.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Of this machine or container: process ids of others mean nothing here. */
const PREFIX = `attnrl-team-${hostname()}-`;

export class GroupFolder {
  private constructor(readonly path: string) {}

  /** Makes one, and removes those that nobody uses any more. */
  static make(parent = tmpdir()): GroupFolder {
    for (const name of readdirSync(parent)) if (isStale(parent, name)) removeAll(join(parent, name));
    return new GroupFolder(mkdtempSync(join(parent, `${PREFIX}${process.pid}-`)));
  }

  remove(): void {
    removeAll(this.path);
  }
}

function isStale(parent: string, name: string): boolean {
  const [, pid] = name.startsWith(PREFIX) ? (/^(\d+)-\w{6}$/.exec(name.slice(PREFIX.length)) ?? []) : [];
  if (pid === undefined) return false;
  if (Number(pid) !== process.pid) return !lives(Number(pid));
  // A container's first process has the same id each time.
  const used = statSync(join(parent, name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
  return used < performance.timeOrigin;
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Another process may be at it, too. */
const removeAll = (path: string): void => rmSync(path, { recursive: true, force: true });
