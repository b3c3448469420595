import { link, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ifAbsent } from '../../store/absent.js';
import { isAlive, startOf } from './process.js';

/** Another process has held the lock for longer than any of ours needs it. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld';
  constructor(
    readonly path: string,
    readonly holder: string,
  ) {
    super(
      `Process ${holder} has been starting or stopping the Temporal server for too long: it holds ${path}. ` +
        'See what it does and end it, or, if it is none of ours, remove that file.',
    );
  }
}

export interface LockOptions {
  /** Of the wait, in milliseconds. */
  readonly limitMs?: number;
  /** Called once when there is something to wait for. */
  readonly tell?: (line: string) => void;
}

/** To stop a server that does not answer and to start another one takes at most half of that. */
const LIMIT_MS = 150_000;

/** Runs the work while no other process of this machine does so for the same folder. Rejects with `LockHeld`. */
export async function withLock<T>(
  folder: string,
  work: () => Promise<T>,
  { limitMs = LIMIT_MS, tell = console.error }: LockOptions = {},
): Promise<T> {
  const path = join(folder, 'lock');
  await mkdir(folder, { recursive: true });
  const own = await mkdtemp(`${path}-`);
  try {
    await writeFile(join(own, 'holder'), `${process.pid} ${await startOf(process.pid)}`);
    const deadline = performance.now() + limitMs;
    for (let tries = 0; !(await take(path, join(own, 'holder'))); tries++) {
      const holder = pidOf((await read(path)) ?? '') ?? 'unknown';
      if (tries === 0) tell(`waiting for process ${holder}, which starts or stops the Temporal server`);
      if (performance.now() >= deadline) throw new LockHeld(path, holder);
      await sleep(100);
    }
  } finally {
    await rm(own, { recursive: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * A link is there with its content, or not at all. An abandoned lock is replaced by the one process that holds the lock beside
 * it: nobody else changes it meanwhile, so that it still is what was found abandoned when it is looked at again.
 */
async function take(path: string, own: string): Promise<boolean> {
  if (await links(own, path)) return true;
  const holder = await read(path);
  if (holder === undefined || !(await isAbandoned(holder))) return false;
  const next = `${path}.next`;
  if (!(await take(next, own))) return false;
  if ((await read(path)) === holder) {
    await rename(next, path);
    return true;
  }
  await rm(next);
  return false;
}

async function links(own: string, path: string): Promise<boolean> {
  return link(own, path).then(
    () => true,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    },
  );
}

/** Undefined where nobody holds it. */
async function read(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(ifAbsent(undefined));
}

function pidOf(holder: string): string | undefined {
  return /^\d+/.exec(holder)?.[0];
}

/** Its holder was killed, and maybe another program has got the holder's process id. */
async function isAbandoned(holder: string): Promise<boolean> {
  const pid = pidOf(holder);
  if (pid === undefined || !isAlive(Number(pid))) return true;
  const [began, begins] = [holder.slice(pid.length + 1), await startOf(Number(pid))];
  return began !== '' && begins !== '' && began !== begins; // where the system does not tell, it counts as alive
}
