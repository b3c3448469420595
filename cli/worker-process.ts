import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkerMessage } from '../contracts/worker-messages.js';
import type { Session } from './session.js';

/** A worker that this command started. */
export interface WorkerProcess {
  readonly log: string;
  /** Resolves when the process ended, rejects with `WorkerEnded` when it did so by itself. */
  readonly ended: Promise<void>;
  /** Takes no new work, lets what runs come to a clean end, and waits for it. */
  stop(): Promise<void>;
}

export class WorkerEnded extends Error {
  override readonly name = 'WorkerEnded';
  constructor(how: string, log: string) {
    super(`the worker ended (${how}), see ${log}; the run stays on the server, \`npm start\` goes on with it`);
  }
}

/**
 * Starts an all-in-one worker in a process group of its own: Ctrl-C reaches only us, and we tell the worker to stop in
 * order. When we die, its message channel closes and it stops as well.
 */
export async function startWorker({ server, environment }: Session): Promise<WorkerProcess> {
  await mkdir(environment.home, { recursive: true });
  const log = join(environment.home, 'worker.log');
  const output = await open(log, 'a');
  const child = fork(fileURLToPath(new URL('../workers/all-in-one.js', import.meta.url)), [], {
    detached: true,
    stdio: ['ignore', output.fd, output.fd, 'ipc'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      ATTNRL_HOME: environment.home,
      ATTNRL_QUEUE_PREFIX: environment.queuePrefix,
    },
  });
  await output.close();

  let stopping = false;
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
  const ended = exited.then((how) => {
    if (!stopping) throw new WorkerEnded(how, log);
  });
  ended.catch(() => undefined); // whoever waits for the run hears of it
  await Promise.race([ready(child), ended]);
  return {
    log,
    ended,
    stop: async () => {
      stopping = true;
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') resolve();
    });
  });
}
