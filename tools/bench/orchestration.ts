/**
 * What Temporal and our activities cost beside the models: runs with an engine that answers at once, at the paper's batch
 * size, on a development server of their own. First one long run, then several at once.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowExecutionInfo } from '@temporalio/client';
import { ensureTemporalServer, stopTemporalServer } from '../../cli/temporal-server.js';
import type { RunForm } from '../../contracts/config/form.js';
import { queueName } from '../../contracts/protocol/queues.js';
import { SEARCH_ATTRIBUTES } from '../../contracts/protocol/search-attributes.js';
import { readServer } from '../../cli/temporal/dev-server.js';
import { median } from './in-turn.js';
import { processorSeconds } from './process-cpu.js';
import { residentMemory } from './process-memory.js';
import { alone, renderTable, type Row } from './report.js';
import { startWorker } from './training-run.js';

const ITERATIONS = 1000;
const RUNS_AT_ONCE = 20;
/** Intervals between commits are what is measured: two at least. */
const FEWEST_ITERATIONS = 3;
const PREFIX = 'orchestration';
/** The first iterations fill caches. */
const WARM_UP = 5;
/** Parts of a run that are compared: a tenth at its beginning, a tenth at its end. */
const PARTS = 10;
const SAMPLE_EVERY_MS = 500;
const TELL_EVERY_MS = 10_000;

const EVENTS_PER_ITERATION = 300;
const KIBIBYTES_PER_ITERATION = 200;
const GROWTH_PERCENT = 10;
/** The longest a run waited for its next iteration, in medians of its own. */
const LONGEST_WAIT = 5;

/** 64 problems x 6 responses in every iteration, in 8 shards; hardly evaluated. */
const FORM: RunForm = {
  sampling: { problemsPerIteration: 64, responsesPerProblem: 6 },
  distribution: { rolloutsPerShard: 48 },
  adaptiveSampling: { maxProblemsPerIteration: 64 },
  evaluation: { every: 0, problemsPerSet: 1, samplesPerProblem: 1, sets: ['short'] },
};

export interface OrchestrationOptions {
  /** Of the long run, at least 3; each of the many has a twentieth. */
  readonly iterations?: number;
  /** Runs at once; 0: the long one only. */
  readonly runs?: number;
}

export async function orchestration({
  iterations = ITERATIONS,
  runs = RUNS_AT_ONCE,
}: OrchestrationOptions): Promise<Row[]> {
  const home = await mkdtemp(join(tmpdir(), 'attnrl-bench-'));
  const env = { ...process.env, TEMPORAL_ADDRESS: undefined };
  const searchAttributes = Object.values(SEARCH_ATTRIBUTES);
  const server = await ensureTemporalServer({ home, searchAttributes, env });
  const worker = startWorker({ server }, home, PREFIX, './null-worker.js');
  const connection = await Connection.connect({ address: server.address });
  const serverPid = (await readServer(join(home, 'temporal')))!.pid; // it has just been started
  const client = new Client({ connection, namespace: server.namespace });
  const bench: Bench = { client, home, worker, processes: { worker: worker.pid, server: serverPid } };
  const measure = async (): Promise<Row[]> => {
    await worker.ready;
    const long = await oneLongRun(bench, Math.max(FEWEST_ITERATIONS, iterations));
    if (runs === 0) return long;
    console.error(renderTable(long)); // the rest takes long
    const each = Math.max(FEWEST_ITERATIONS, Math.ceil(iterations / RUNS_AT_ONCE));
    return [...long, ...(await manyRuns(bench, runs, each))];
  };
  try {
    return await Promise.race([measure(), interruption()]);
  } finally {
    await connection.close();
    worker.kill();
    await stopTemporalServer(home);
    await rm(home, { recursive: true, force: true });
  }
}

interface Bench {
  readonly client: Client;
  readonly home: string;
  readonly worker: ReturnType<typeof startWorker>;
  /** Process ids. */
  readonly processes: Readonly<Record<'worker' | 'server', number>>;
}

/** The server is a process of its own: it is to be stopped, too. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => reject(new Error(`stopped by ${signal}`)));
  });
}

async function oneLongRun(bench: Bench, iterations: number): Promise<Row[]> {
  const sampling = new AbortController();
  const sampled = sample(bench.processes, sampling.signal);
  const [all] = await trainAll(bench, ['long'], iterations).finally(() => sampling.abort());
  const samples = await sampled;

  const commits = all.slice(iterations > 2 * WARM_UP ? WARM_UP : 0);
  const seconds = intervals(commits);
  const processor = intervals(commits.map((time) => processorAt(samples, time)));
  const memory = samples.map((one) => one.memory);
  const workflows = await executionsOf(bench.client, 'long');
  const sum = (size: (info: WorkflowExecutionInfo) => number): number =>
    workflows.reduce((total, info) => total + size(info), 0) / all.length;
  const name = `one run, ${all.length} iterations of 64 problems x 6 responses`; // it may have been told to stop sooner
  const row = (metric: string, unit: string, ours: number, atMost?: number): Row =>
    alone({ case: name, metric, unit, ours }, atMost);
  const learnt = workflows
    .filter(({ workflowId }) => workflowId.startsWith('long/learn-'))
    .sort((a, b) => a.startTime.getTime() - b.startTime.getTime());
  return [
    row('iteration, median', 's', median(seconds)),
    row('iteration, 99th percentile', 's', percentile(seconds, 0.99)),
    row(
      'history of all workflows, per iteration',
      'events',
      sum(({ historyLength }) => historyLength),
      EVENTS_PER_ITERATION,
    ),
    row(
      'history of all workflows, per iteration',
      'KiB',
      sum(({ historySize }) => historySize ?? 0) / 1024,
      KIBIBYTES_PER_ITERATION,
    ),
    row('processor time of worker and server, median', 's', median(processor)),
    row("growth of an iteration's processor time", '%', growth(processor), GROWTH_PERCENT),
    row("the server's database, per iteration", 'KiB', (await databaseBytes(bench.home)) / 1024 / all.length),
    row('executions of the run', '', workflows.filter(({ workflowId }) => workflowId === 'long').length),
    row("growth of an iteration's time", '%', growth(seconds), GROWTH_PERCENT),
    row(
      "growth of an iteration's history",
      '%',
      growth(learnt.map(({ historySize }) => historySize ?? 0)),
      GROWTH_PERCENT,
    ),
    row("growth of the worker's memory", '%', growth(memory.slice(Math.floor(memory.length / PARTS))), GROWTH_PERCENT),
    row("the worker's memory, last tenth", 'MiB', median(lastPart(memory)) / 2 ** 20),
  ];
}

async function manyRuns(bench: Bench, runs: number, iterations: number): Promise<Row[]> {
  const names = Array.from({ length: runs }, (_, i) => `many-${i}`);
  const commits = await trainAll(bench, names, iterations);
  const waits = commits.map(intervals);
  const ends = commits.map((times) => times.at(-1)! - Math.min(...commits.flat()));
  const name = `${runs} runs at once, ${iterations} iterations each`;
  const row = (metric: string, unit: string, ours: number, atMost?: number): Row =>
    alone({ case: name, metric, unit, ours }, atMost);
  return [
    row('iteration, median over all runs', 's', median(waits.flat())),
    row('iterations of all runs', '1/s', (runs * iterations) / Math.max(...ends)),
    row(
      'longest wait of any run for an iteration / median',
      '',
      Math.max(...waits.flat()) / median(waits.flat()),
      LONGEST_WAIT,
    ),
    row('slowest run / median run', '', Math.max(...ends) / median(ends), 1.5),
  ];
}

/** Of each run, when its iterations were committed. Another seed each: other problems, so nothing is already known. */
async function trainAll(bench: Bench, names: readonly string[], iterations: number): Promise<number[][]> {
  const watching = new AbortController();
  const watched = tell(bench, names, iterations, watching.signal);
  const trained = names.map((name) => train(bench, name, iterations, seedOf(name)));
  const commits = await Promise.all(trained).finally(() => watching.abort());
  await watched;
  return commits;
}

function seedOf(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? -1) + 1;
}

/** Seconds (of the server's clock) at which the run's iterations were committed. */
async function train({ client, worker }: Bench, name: string, iterations: number, seed: number): Promise<number[]> {
  const handle = await client.workflow.start('training', {
    workflowId: name,
    taskQueue: queueName('control', PREFIX),
    args: [{ ...FORM, iterations, seed }],
  });
  await Promise.race([handle.result(), worker.died]);
  const commits: number[] = [];
  for (const { runId } of (await executionsOf(client, name)).filter(({ workflowId }) => workflowId === name)) {
    const scheduled = new Set<string>();
    const { events } = await client.workflow.getHandle(name, runId).fetchHistory();
    for (const { eventId, eventTime, ...event } of events ?? []) {
      if (event.activityTaskScheduledEventAttributes?.activityType?.name === 'commitIteration')
        scheduled.add(String(eventId));
      if (scheduled.has(String(event.activityTaskCompletedEventAttributes?.scheduledEventId)))
        commits.push(Number(eventTime!.seconds) + (eventTime!.nanos ?? 0) / 1e9);
    }
  }
  return commits.sort((a, b) => a - b);
}

/** Asks the server's index, not the worker that is measured. */
async function tell(
  { client }: Bench,
  names: readonly string[],
  iterations: number,
  signal: AbortSignal,
): Promise<void> {
  const query = "WorkflowType = 'training'";
  while (!signal.aborted) {
    const done = new Map<string, number>();
    for await (const { workflowId, typedSearchAttributes } of client.workflow.list({ query })) {
      const now = typedSearchAttributes.get(SEARCH_ATTRIBUTES.iteration) ?? 0;
      if (names.includes(workflowId)) done.set(workflowId, Math.max(now, done.get(workflowId) ?? 0));
    }
    const counts = [...done.values()].sort((a, b) => a - b);
    const runs = names.length === 1 ? names[0] : `${names.length} runs at once`;
    console.error(`orchestration · ${runs} · ${counts.join(' ')} of ${iterations} iterations`);
    await sleep(TELL_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Every execution of a run and of its children, once the server's index knows that all are closed. */
async function executionsOf(client: Client, run: string): Promise<WorkflowExecutionInfo[]> {
  for (;;) {
    const found: WorkflowExecutionInfo[] = [];
    for await (const info of client.workflow.list({ query: `AttnrlRun = '${run}'` })) found.push(info);
    if (found.every(({ status }) => status.name !== 'RUNNING')) return found;
    await sleep(100);
  }
}

interface Sample {
  /** Seconds since 1970. */
  readonly at: number;
  /** Of the worker, bytes. */
  readonly memory: number;
  /** Of worker and server so far, seconds: another program on the machine makes an iteration longer, hardly this. */
  readonly processor: number;
}

async function sample({ worker, server }: Bench['processes'], signal: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (!signal.aborted) {
    const processor = (await processorSeconds(worker)) + (await processorSeconds(server));
    samples.push({ at: Date.now() / 1000, memory: await residentMemory(worker), processor });
    await sleep(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  return samples;
}

/** Between two samples, in proportion. */
function processorAt(samples: readonly Sample[], time: number): number {
  const next = samples.findIndex(({ at }) => at >= time);
  const [before, after] = next < 1 ? samples.slice(-2) : [samples[next - 1], samples[next]];
  const share = (time - before.at) / (after.at - before.at);
  return before.processor + Math.min(1, share) * (after.processor - before.processor);
}

async function databaseBytes(home: string): Promise<number> {
  const sizes = ['', '-wal'].map((end) => stat(join(home, 'temporal', `temporal.db${end}`)).then(({ size }) => size));
  return (await Promise.all(sizes.map((size) => size.catch(() => 0)))).reduce((sum, size) => sum + size, 0);
}

function intervals(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]);
}

/** Median of the last tenth over that of the first, in percent more. */
function growth(values: readonly number[]): number {
  return 100 * (median(lastPart(values)) / median(values.slice(0, partLength(values))) - 1);
}

function lastPart(values: readonly number[]): readonly number[] {
  return values.slice(-partLength(values));
}

function partLength({ length }: readonly number[]): number {
  return Math.max(1, Math.floor(length / PARTS));
}

function percentile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))];
}
