import { fork, type ChildProcess } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkerMessage } from '../contracts/protocol/worker-messages.js';
import type { Session } from './session.js';

/** A worker that this command started. */
export interface WorkerProcess {
  readonly log: string;
  /** Resolves when it was stopped, rejects with `WorkerEnded` when it ended by itself, soon after its start. */
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

/** One that dies sooner after its start would die again. */
const SHORT_LIFE_MS = 10_000;

/**
 * Starts an all-in-one worker in a process group of its own: Ctrl-C reaches only us, and we tell the worker to stop in
 * order. When we die, its message channel closes and it stops as well. When it is killed, another one takes its place.
 */
export async function startWorker(session: Session): Promise<WorkerProcess> {
  await mkdir(session.environment.home, { recursive: true });
  const log = join(session.environment.home, 'worker.log');
  let stopping = false;
  let child = await launch(session, log);
  let exited = exitOf(child);
  await Promise.race([ready(child), exited.then(refuse)]);

  async function replace(): Promise<void> {
    for (let start = performance.now(); ; start = performance.now()) {
      const how = await exited;
      if (stopping) return;
      if (performance.now() - start < SHORT_LIFE_MS) refuse(how);
      child = await launch(session, log);
      exited = exitOf(child);
    }
  }
  function refuse(how: string): never {
    throw new WorkerEnded(how, log);
  }

  const ended = replace();
  ended.catch(() => undefined); // whoever waits for the run hears of it
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

async function launch({ server, environment }: Session, log: string): Promise<ChildProcess> {
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
  return child;
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') resolve();
    });
  });
}
