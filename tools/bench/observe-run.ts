/** Watches a run from outside (Linux): when it commits iterations, and whether its engine processes compute. */
import { readFile, stat } from 'node:fs/promises';

export interface Observation {
  /** Seconds between one commit and the next. */
  readonly iterationSeconds: readonly number[];
  /** Share of the time between the first and the last commit in which no engine process was computing, 0..1. */
  readonly outsideEngine: number;
}

const EVERY_MS = 10;
/** Engines start late; finding them is dearer than looking at them. */
const LOOK_FOR_ENGINES_EVERY = 50;

/**
 * A model runs on the main thread of an engine process (and on helpers while the main thread works or waits for them), so a look
 * at that thread's state tells whether one runs.
 * @param metrics file that gets a line at each commit
 */
export function observeRun(workerPid: number, metrics: string): { stop(): void; result(): Promise<Observation> } {
  let stopped = false;
  const observing = observe(workerPid, metrics, () => stopped);
  observing.catch(() => undefined); // `result` tells
  return { stop: () => void (stopped = true), result: () => observing };
}

async function observe(workerPid: number, metrics: string, stopped: () => boolean): Promise<Observation> {
  const commits: number[] = [];
  let engines: number[] = [];
  let looks = 0;
  let idle = 0;
  let untilLastCommit = { looks: 0, idle: 0 };
  for (let tick = 0; !stopped(); tick++) {
    if (tick % LOOK_FOR_ENGINES_EVERY === 0) engines = await engineProcesses(workerPid);
    const written = await stat(metrics).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (written !== undefined && written !== commits.at(-1)) {
      commits.push(written);
      untilLastCommit = { looks, idle };
    }
    if (commits.length > 0) {
      looks += 1;
      if (!(await Promise.all(engines.map(isRunning))).includes(true)) idle += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  return {
    iterationSeconds: commits.slice(1).map((time, i) => (time - commits[i]) / 1000),
    outsideEngine: untilLastCommit.idle / untilLastCommit.looks,
  };
}

/** Descendants of a process that are engines. */
async function engineProcesses(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => ''); // it may have just ended
  const children = text.split(' ').filter(Boolean).map(Number);
  const commands = await Promise.all(
    children.map((child) => readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => '')),
  );
  const engines = children.filter((_, i) => commands[i].includes('/policy/processes/'));
  return [...engines, ...(await Promise.all(children.map(engineProcesses))).flat()];
}

async function isRunning(pid: number): Promise<boolean> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return line.slice(line.lastIndexOf(')') + 2, line.lastIndexOf(')') + 3) === 'R';
}
