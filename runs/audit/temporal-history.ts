/** What the Temporal server still has of a run, and whether it agrees with the run's records. */
import type { Client } from '@temporalio/client';
import type { LoadedDataConverter } from '@temporalio/common';
import {
  firstOf,
  historyOf,
  timeOf,
  tracedActivities,
  updateRequestOf,
  type History,
  type HistoryEvent,
  type TracedActivity,
} from '../../services/histories.js';
import { refsIn } from '../../contracts/artifacts/artifact-ref.js';
import { childId } from '../../contracts/protocol/child-ids.js';
import type { IterationProvenance } from '../../contracts/artifacts/iteration-provenance.js';
import type { Committed } from '../../contracts/protocol/activities.js';
import { difference, nameOf, type Findings, type RunAction } from './findings.js';
import type { LedgerEntry } from './ledger.js';
import { checkSteering } from './steering.js';

/** Executions of a run, oldest first; continued ones that the server has forgotten are left out. */
export async function executionsOf(client: Client, run: string): Promise<{ histories: History[]; whole: boolean }> {
  const histories: History[] = [];
  let runId: string | undefined;
  for (;;) {
    const history = await historyOf(client, run, runId);
    if (!history) return { histories, whole: false };
    histories.unshift(history);
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
    if (runId === undefined) return { histories, whole: true };
  }
}

/** Compares each iteration with what its activities returned; tells who started, steered or stopped the run. */
export async function checkHistory(
  client: Client,
  run: string,
  entries: readonly LedgerEntry[],
  provenance: ReadonlyMap<number, IterationProvenance>,
  findings: Findings,
): Promise<RunAction[]> {
  const converter = client.options.loadedDataConverter;
  const { histories, whole } = await executionsOf(client, run);
  if (histories.length === 0) {
    findings.notes.add(`the server does not have the run ${run} (any more): nothing was compared with its history`);
    return [];
  }
  if (!whole) findings.notes.add('the server has forgotten the beginning of the run');
  const ofRun = (await Promise.all(histories.map((history) => tracedActivities(run, history, converter)))).flat();
  for (const entry of entries) {
    const { iteration } = entry.record;
    if (!provenance.has(iteration)) continue; // an iteration of a fork's parent
    const children = [childId(run, 'sample', iteration), childId(run, 'learn', iteration)];
    const found = await Promise.all(children.map((id) => historyOf(client, id)));
    const missing = children.filter((_, i) => !found[i]);
    if (missing.length > 0) {
      findings.notes.add(`the server does not have ${missing.join(', ')} (any more)`);
      continue;
    }
    const traced = await Promise.all(
      children.map((id, i) => tracedActivities(id, found[i] ?? { events: [] }, converter)),
    );
    checkIteration(entry, traced.flat(), ofRun, provenance.get(iteration), findings);
    findings.done('history', iteration);
  }
  const manifest = entries.at(-1)?.record.manifest.sha256;
  const ofThisRun = entries.filter(({ record }) => record.manifest.sha256 === manifest); // not its parent's
  await checkSteering({ histories, whole }, ofThisRun, converter, findings);
  await checkEnd(client, run, entries, ofRun, findings);
  return (await Promise.all(histories.map((history) => actionsOf(history, converter)))).flat();
}

function checkIteration(
  { ref, record }: LedgerEntry,
  ofChildren: readonly TracedActivity[],
  ofRun: readonly TracedActivity[],
  provenance: IterationProvenance | undefined,
  findings: Findings,
): void {
  const fail = (problem: string): void => findings.add('history', record.iteration, problem);
  const returned = new Set(ofChildren.flatMap(({ result }) => refsIn(result).map(({ sha256 }) => sha256)));
  const { problems, responses, verdicts, scores } = record.initial;
  const made = [problems, responses, verdicts, scores, ...refsIn(record.branches), record.tree, record.rows];
  if (record.metrics.update !== null) made.push(record.policy.after);
  for (const one of made) {
    if (!returned.has(one.sha256)) fail(`no activity of the iteration returned ${nameOf(one)}`);
  }
  const commits = committed([...ofChildren, ...ofRun], record.iteration);
  if (!commits.some((commit) => commit.record.sha256 === ref.sha256))
    fail(`the record that was committed is ${commits.map((commit) => nameOf(commit.record)).join(', ') || 'none'}`);
  if (!provenance) return;
  const traces = ofChildren.map(({ trace }) => trace).filter(({ activity }) => activity !== 'commitIteration');
  const differs = difference(provenance.activities, traces, 'activities');
  if (differs !== undefined) fail(`in the provenance ${differs}`);
}

/** A ledger that was cut off at its end is whole in itself: only the server knows that there was more. */
async function checkEnd(
  client: Client,
  run: string,
  entries: readonly LedgerEntry[],
  ofRun: readonly TracedActivity[],
  findings: Findings,
): Promise<void> {
  const next = (entries.at(-1)?.record.iteration ?? -1) + 1;
  const child = childId(run, 'learn', next);
  const history = await historyOf(client, child);
  const ofChild = history ? await tracedActivities(child, history, client.options.loadedDataConverter) : [];
  if (committed([...ofRun, ...ofChild], next).length === 0) return;
  const { status } = await client.workflow.getHandle(run).describe();
  if (status.name === 'RUNNING') findings.notes.add(`the run goes on: iteration ${next} was committed meanwhile`);
  else findings.add('history', next, 'the server has its commit, the ledger ends before it');
}

function committed(traced: readonly TracedActivity[], iteration: number): Committed[] {
  return traced
    .filter(({ trace }) => trace.activity === 'commitIteration')
    .map(({ result }) => result as Committed)
    .filter(({ summary }) => summary.iteration === iteration);
}

/** Everything that came from outside. */
async function actionsOf(history: History, converter: LoadedDataConverter): Promise<RunAction[]> {
  const actions = await Promise.all((history.events ?? []).map((event) => actionOf(event, history, converter)));
  return actions.filter((action) => action !== undefined);
}

async function actionOf(
  event: HistoryEvent,
  history: History,
  converter: LoadedDataConverter,
): Promise<RunAction | undefined> {
  const time = timeOf(event);
  const {
    workflowExecutionStartedEventAttributes: started,
    workflowExecutionSignaledEventAttributes: signal,
    workflowExecutionCancelRequestedEventAttributes: cancelled,
    workflowExecutionTerminatedEventAttributes: terminated,
    workflowTaskFailedEventAttributes: failed,
  } = event;
  const by = (identity: string | null | undefined, action: string): RunAction => ({
    time,
    identity: identity ?? '',
    action,
  });
  if (started) return started.continuedExecutionRunId ? undefined : by(started.identity, 'start');
  const update = updateRequestOf(event, history);
  if (update) {
    const { meta, input } = update;
    const value = await firstOf(converter, input?.args?.payloads);
    return by(meta?.identity, `${input?.name ?? 'update'}${value === undefined ? '' : ` ${JSON.stringify(value)}`}`);
  }
  if (signal) return by(signal.identity, `signal ${signal.signalName ?? ''}`);
  if (cancelled) return by(cancelled.identity, 'cancel');
  if (terminated) return by(terminated.identity, `terminate: ${terminated.reason ?? ''}`);
  if (failed?.newRunId) return by(failed.identity, `reset: ${failed.failure?.message ?? ''}`);
  return undefined;
}
