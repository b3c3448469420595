/** What Temporal's histories say of activities. */
import { WorkflowNotFoundError, type Client, type WorkflowHandle } from '@temporalio/client';
import type { LoadedDataConverter, Payload } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
  optionalTsToDate,
} from '../contracts/protocol/temporal-internals.js';
import type { ActivityTrace } from '../contracts/artifacts/iteration-provenance.js';

export type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
export type HistoryEvent = NonNullable<History['events']>[number];

/** Undefined where the server does not have the workflow (any more). */
export async function historyOf(client: Client, workflowId: string, runId?: string): Promise<History | undefined> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const NOT_FOUND = 5; // gRPC's code: a connection of a worker does not give the client's own error

function isNotFound(error: unknown): boolean {
  if (error instanceof WorkflowNotFoundError) return true;
  return error instanceof Error && 'code' in error && error.code === NOT_FOUND;
}

/** An activity with what went in and what came out. */
export interface TracedActivity {
  readonly trace: ActivityTrace;
  /** Of the event that scheduled it. */
  readonly scheduledId: number;
  readonly input: unknown;
  readonly result: unknown;
}

/** The activities that finished, in the order in which they were scheduled. */
export async function tracedActivities(
  workflow: string,
  { events }: History,
  converter: LoadedDataConverter,
): Promise<TracedActivity[]> {
  const byId = new Map((events ?? []).map((event) => [Number(event.eventId), event]));
  const finished = (events ?? []).flatMap((event) => {
    const completed = event.activityTaskCompletedEventAttributes;
    if (!completed) return [];
    const scheduled = byId.get(Number(completed.scheduledEventId));
    const started = byId.get(Number(completed.startedEventId));
    return scheduled && started ? [{ scheduled, started, event, completed }] : [];
  });
  finished.sort((a, b) => Number(a.scheduled.eventId) - Number(b.scheduled.eventId));
  return Promise.all(
    finished.map(async ({ scheduled, started, event, completed }) => {
      const { activityType, input } = scheduled.activityTaskScheduledEventAttributes ?? {};
      const { attempt, identity, lastFailure } = started.activityTaskStartedEventAttributes ?? {};
      return {
        trace: {
          workflow,
          activity: activityType?.name ?? '',
          attempts: attempt ?? 1,
          lastFailure: (await decodeOptionalFailureToOptionalError(converter, lastFailure))?.message ?? null,
          worker: identity ?? '',
          scheduled: timeOf(scheduled),
          started: timeOf(started),
          ended: timeOf(event),
        },
        scheduledId: Number(scheduled.eventId),
        input: await firstOf(converter, input?.payloads),
        result: await firstOf(converter, completed.result?.payloads),
      };
    }),
  );
}

/** The request of an update where the event accepts one. Behind a reset, an earlier event of the history has it. */
export function updateRequestOf(event: HistoryEvent, { events }: History) {
  const accepted = event.workflowExecutionUpdateAcceptedEventAttributes;
  if (!accepted) return undefined;
  if (accepted.acceptedRequest) return accepted.acceptedRequest;
  const admitted = events?.find(({ eventId }) => eventId?.equals(accepted.acceptedRequestSequencingEventId ?? 0));
  return admitted?.workflowExecutionUpdateAdmittedEventAttributes?.request ?? {};
}

/** The first of the values, decoded. */
export async function firstOf(
  converter: LoadedDataConverter,
  payloads: readonly Payload[] | null | undefined,
): Promise<unknown> {
  const [first] = await decodeArrayFromPayloads(converter, [...(payloads ?? [])]);
  return first;
}

/** ISO 8601; '' where the event has none. */
export function timeOf({ eventTime }: HistoryEvent): string {
  return optionalTsToDate(eventTime)?.toISOString() ?? '';
}
