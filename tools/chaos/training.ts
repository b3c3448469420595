import { Client, Connection } from '@temporalio/client';
import { rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunForm } from '../../contracts/config/form.js';
import { queueName } from '../../contracts/protocol/queues.js';
import type { RunResult } from '../../contracts/protocol/run.js';
import { resultOf } from '../../cli/run-result.js';
import { readGenerated, type Generated } from './generated.js';
import type { Kill } from './kills.js';
import { WorkerFleet, traceFile } from './worker-fleet.js';

export interface ChaosRun {
  /** SHA-256 of the final policy, and of the last record of the ledger. */
  readonly policy: string;
  readonly ledger: string;
  readonly seconds: number;
  readonly generated: Generated;
  readonly killed: readonly Killed[];
}

/** A kill as it came about. */
export interface Killed extends Kill {
  /** Seconds after the start of the run. */
  readonly happened: number;
}

/** Small enough to end within a minute, and with every kind of activity in it. */
export function chaosForm(iterations: number): RunForm {
  return {
    iterations,
    sampling: { problemsPerIteration: 8, responsesPerProblem: 6, maxPromptTokens: 96, maxResponseTokens: 96 },
    branching: { pointsPerResponse: 1 },
    evaluation: { every: 4, problemsPerSet: 2, samplesPerProblem: 1, sets: ['short'], maxResponseTokens: 96 },
    engine: { slots: 32, chunk: CHUNK, threads: 1 },
    // Two shards per phase; losses are noticed soon, though not so soon that a busy machine looks like a loss.
    distribution: { rolloutsPerShard: 24, heartbeatSeconds: 10 },
  };
}

const CHUNK = 16;
const UNREACHABLE_MS = 300;

/** Trains in a park of its own while what is planned is killed, and removes it all. */
export async function trainUnder(
  home: string,
  form: RunForm,
  kills: readonly Kill[],
  tell: (killed: Killed) => void,
): Promise<ChaosRun> {
  const park = await WorkerFleet.start(home);
  try {
    const connection = await connect(park.address);
    try {
      const client = new Client({ connection, namespace: park.namespace });
      await client.workflow.start('training', { workflowId: RUN, taskQueue: queueName('control'), args: [form] });
      const start = performance.now();
      const over = new AbortController();
      const killing = strike(park, traceFile(home), kills, { start, over: over.signal, tell });
      const result = await resultOf(client.workflow.getHandle<() => Promise<RunResult>>(RUN)).finally(() =>
        over.abort(),
      );
      const seconds = (performance.now() - start) / 1000;
      return {
        policy: result.policy.sha256,
        ledger: result.ledger?.sha256 ?? '',
        seconds,
        generated: await readGenerated(traceFile(home), CHUNK),
        killed: await killing,
      };
    } finally {
      await connection.close();
    }
  } finally {
    await park.stop();
    await rm(home, { recursive: true, force: true });
  }
}

const RUN = 'chaos';

/** The server is being started. */
async function connect(address: string): Promise<Connection> {
  for (;;) {
    const connection = await Connection.connect({ address, connectTimeout: 2_000 }).catch(() => undefined);
    const ready = await connection?.workflowService.describeNamespace({ namespace: 'default' }).then(
      () => true,
      () => false,
    );
    if (connection && ready) return connection;
    await connection?.close();
    await sleep(UNREACHABLE_MS);
  }
}

/**
 * A victim that is not there at its moment (not started yet, or being started again) is killed as soon as it is, and the pauses after
 * it stay as planned. Engines of rollout workers are killed while they generate, which is a small part of so short a run.
 */
async function strike(
  park: WorkerFleet,
  trace: string,
  kills: readonly Kill[],
  { start, over, tell }: { start: number; over: AbortSignal; tell: (killed: Killed) => void },
): Promise<Killed[]> {
  const since = (): number => (performance.now() - start) / 1000;
  const killed: Killed[] = [];
  for (const [i, kill] of kills.entries()) {
    const pause = kill.at - (kills[i - 1]?.at ?? 0);
    await sleep(pause * 1000, undefined, { signal: over }).catch(() => undefined);
    if (kill.victim.startsWith('engine of rollout')) await growth(trace, over);
    while (!over.aborted && !(await park.kill(kill.victim, kill.signal))) await sleep(50);
    if (over.aborted) break;
    killed.push({ ...kill, happened: since() });
    tell(killed.at(-1)!);
  }
  return killed;
}

/** Resolves when somebody generates. */
async function growth(trace: string, over: AbortSignal): Promise<void> {
  const size = (): Promise<number> =>
    stat(trace).then(
      (file) => file.size,
      () => 0,
    );
  for (const before = await size(); !over.aborted && (await size()) === before;) await sleep(5);
}
