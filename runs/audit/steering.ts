/** Whether the updates that the records hold are those that the run was sent, and whether it went by them. */
import type { LoadedDataConverter } from '@temporalio/common';
import { firstOf, timeOf, tracedActivities, updateRequestOf, type History } from '../../services/histories.js';
import type { Committed } from '../../contracts/protocol/activities.js';
import type { SteeringEvent } from '../../contracts/protocol/steering.js';
import { difference, type Findings } from './findings.js';
import type { LedgerEntry } from './ledger.js';

/** An update as the server's history has it: which iterations it goes for, only the workflow tells. */
interface SentUpdate {
  readonly updateId: string;
  readonly update: string;
  readonly value: unknown;
  readonly identity: string;
  readonly time: string;
  /** Iteration of the first commit behind it, which has to hold it; null where nothing was committed any more. */
  readonly due: number | null;
}

/** The learning rate of each record is what the last update said that goes for its iteration. */
export function checkLearningRates(entries: readonly LedgerEntry[], findings: Findings): void {
  let set: SteeringEvent[] = [];
  for (const [i, { record }] of entries.entries()) {
    const { iteration, learningRate, steering, manifest } = record;
    if (entries[i - 1]?.record.manifest.sha256 !== manifest.sha256) set = []; // a fork begins with its own configuration
    set.push(...steering.filter(({ update }) => update === 'setLearningRate'));
    const expected = set.findLast(({ fromIteration }) => fromIteration <= iteration)?.value ?? null;
    const differs = difference(learningRate, expected);
    if (differs !== undefined) findings.add('state', iteration, `the learning rate by the updates so far: ${differs}`);
  }
}

/**
 * Every update in a record was sent, by whom and when it says, and every update that was sent is in a record.
 * @param entries those of this run, without its parent's
 * @param whole whether the server has all executions
 */
export async function checkSteering(
  { histories, whole }: { readonly histories: readonly History[]; readonly whole: boolean },
  entries: readonly LedgerEntry[],
  converter: LoadedDataConverter,
  findings: Findings,
): Promise<void> {
  const open = await sentUpdates(histories, converter);
  for (const { record } of entries) {
    for (const { fromIteration: _, ...recorded } of record.steering) {
      const at = open.findIndex(({ updateId }) => updateId === recorded.updateId);
      const [sent] = at < 0 ? [] : open.splice(at, 1);
      const name = `the update ${recorded.update} (${recorded.updateId})`;
      if (sent) {
        const { due: _due, ...expected } = sent;
        const differs = difference(recorded, expected);
        if (differs !== undefined) findings.add('history', record.iteration, `${name}: ${differs}`);
      } else if (whole) findings.add('history', record.iteration, `${name} was never sent`);
      else findings.notes.add(`${name} of iteration ${record.iteration} was sent before what the server remembers`);
    }
  }
  for (const { update, value, updateId, identity, time, due } of open) {
    const what = `the update ${update}${value === null ? '' : ` ${JSON.stringify(value)}`} (${updateId}) of ${identity || 'an unnamed client'} at ${time}`;
    if (due === null) findings.notes.add(`${what} came after the last commit: no record holds it`);
    else findings.add('history', due, `${what} is in no record`);
  }
}

async function sentUpdates(histories: readonly History[], converter: LoadedDataConverter): Promise<SentUpdate[]> {
  const found: SentUpdate[] = [];
  let waiting: Omit<SentUpdate, 'due'>[] = [];
  for (const history of histories) {
    const commits = await commitsOf(history, converter);
    let taken = '';
    for (const event of history.events ?? []) {
      // What a workflow takes for now.
      if (event.workflowTaskStartedEventAttributes) taken = timeOf(event);
      const request = updateRequestOf(event, history);
      if (request) {
        const update = request.input?.name ?? '';
        const value = await firstOf(converter, request.input?.args?.payloads);
        waiting.push({
          updateId: request.meta?.updateId ?? '',
          update,
          value: update === 'pause' || update === 'resume' ? null : value,
          identity: request.meta?.identity ?? '',
          time: taken,
        });
      }
      const due = commits.get(Number(event.eventId));
      if (due === undefined) continue;
      found.push(...waiting.map((one) => ({ ...one, due })));
      waiting = [];
    }
  }
  return [...found, ...waiting.map((one) => ({ ...one, due: null }))];
}

/** Iterations that were committed, by the event that scheduled it. */
async function commitsOf(history: History, converter: LoadedDataConverter): Promise<Map<number, number>> {
  const traced = await tracedActivities('', history, converter);
  const commits = traced.filter(({ trace }) => trace.activity === 'commitIteration');
  return new Map(commits.map(({ scheduledId, result }) => [scheduledId, (result as Committed).summary.iteration]));
}
