/** A training run with a worker, queues and a store of its own, on the Temporal server that `npm start` uses. */
import { fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSession, type Session } from '../../cli/session.js';
import type { RunForm } from '../../contracts/config/form.js';
import type { IterationRecord } from '../../contracts/artifacts/iteration-record.js';
import { queueName } from '../../contracts/protocol/queues.js';
import type { IterationSummary } from '../../contracts/protocol/run.js';
import type { EventLoopDelay, WorkerMessage } from '../../contracts/protocol/worker-messages.js';
import { LocalArtifactStore } from '../../store/local-artifact-store.js';
import { observeRun, type Observation } from './observe-run.js';

export interface FinishedRun {
  readonly metrics: readonly IterationSummary[];
  readonly ledger: readonly IterationRecord[];
  readonly store: LocalArtifactStore;
  /** Of the worker's process, over its whole life. */
  readonly eventLoopDelay: EventLoopDelay;
  readonly observation: Observation;
}

/** As little evaluation as there can be: it runs beside the training. */
const HARDLY_EVALUATED = { every: 0, problemsPerSet: 1, samplesPerProblem: 1 };
const LOG_SHOWN = 4000;

export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
  constructor(how: string, log: string) {
    super(`the worker of the measured run ended (${how}):\n${log}`);
  }
}

/** Trains to the end, hands what there is to `read`, and removes it. */
export async function runTraining<Result>(form: RunForm, read: (run: FinishedRun) => Promise<Result>): Promise<Result> {
  const name = `bench-${process.pid}-${Date.now()}`;
  const home = await mkdtemp(join(tmpdir(), 'attnrl-bench-'));
  const session = await openSession();
  const worker = startWorker(session, home, name);
  try {
    await worker.ready;
    const folder = join(home, 'runs', name);
    const observer = observeRun(worker.pid, join(folder, 'metrics.jsonl'));
    const observation = await finish(session, name, { ...form, evaluation: HARDLY_EVALUATED }, worker.died)
      .finally(() => observer.stop())
      .then(() => observer.result());
    return await read({
      metrics: await readLines<IterationSummary>(join(folder, 'metrics.jsonl')),
      ledger: await readLines<IterationRecord>(join(folder, 'ledger.jsonl')),
      store: await LocalArtifactStore.open(join(home, 'store')),
      eventLoopDelay: await worker.stop(),
      observation,
    });
  } finally {
    worker.kill();
    await session.close();
    await rm(home, { recursive: true, force: true });
  }
}

async function finish({ client }: Session, name: string, form: RunForm, died: Promise<never>): Promise<void> {
  const handle = await client.workflow.start('training', {
    workflowId: name,
    taskQueue: queueName('control', name),
    args: [form],
  });
  try {
    await Promise.race([handle.result(), died]);
  } catch (error) {
    await handle.terminate('the bench ended').catch(() => undefined); // it may be what failed
    throw error;
  }
}

/** @param script of the worker, relative to this file */
export function startWorker(
  { server }: { server: Pick<Session['server'], 'address' | 'namespace'> },
  home: string,
  queuePrefix: string,
  script = '../../workers/all-in-one.js',
) {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      ...process.env,
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_NAMESPACE: server.namespace,
      ATTNRL_HOME: home,
      ATTNRL_QUEUE_PREFIX: queuePrefix,
    },
  });
  let log = '';
  child.stderr?.on('data', (text: Buffer) => (log = (log + text.toString()).slice(-LOG_SHOWN)));
  const { pid } = child;
  if (pid === undefined) throw new Error('the worker could not be started');
  const died = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => reject(new WorkerDied(signal ?? `exit code ${code}`, log)));
  });
  died.catch(() => undefined); // it also ends when it should
  const told = <Kind extends WorkerMessage['kind']>(kind: Kind): Promise<Extract<WorkerMessage, { kind: Kind }>> =>
    Promise.race([
      died,
      new Promise<Extract<WorkerMessage, { kind: Kind }>>((resolve) => {
        child.on('message', (message: WorkerMessage) => {
          if (message.kind === kind) resolve(message as Extract<WorkerMessage, { kind: Kind }>);
        });
      }),
    ]);
  return {
    pid,
    died,
    ready: told('ready'),
    async stop(): Promise<EventLoopDelay> {
      const last = told('event-loop-delay');
      child.kill('SIGTERM');
      return (await last).milliseconds;
    },
    kill: () => child.kill('SIGKILL'),
  };
}

async function readLines<Line>(path: string): Promise<Line[]> {
  const text = await readFile(path, 'utf8');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line);
}
