import type { Client } from '@temporalio/client';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '../contracts/protocol/temporal-internals.js';
import proto, { type temporal } from '@temporalio/proto'; // CommonJS: its values are in the default export
import type { ControlActivities, WaitingPart } from '../contracts/protocol/activities.js';
import { ACTIVITY_ROLES } from '../contracts/protocol/activity-roles.js';
import type { Progress } from '../durability/progress.js';
import { activityInfo, serverClient } from '../durability/temporal-adapter.js';
import { HANDED_BACK } from '../contracts/errors/run-errors.js';
import { queueName, queuePrefix, type Role } from '../contracts/protocol/queues.js';

type Pending = temporal.api.workflow.v1.IPendingActivityInfo;

/** A worker that lives asks its queue at least once a minute. */
const POLL_MS = 70_000;
const REASONS = 6;
const MESSAGE_LENGTH = 300;

/** Why a run does not get on: queues that nobody polls, attempts that fail. Nothing, when its work is being done. */
export const explainWait = (): ControlActivities['explainWait'] => async (part) => {
  const [client, info] = [serverClient(), activityInfo()];
  const prefix = queuePrefix(info.taskQueue);
  const now = info.currentAttemptScheduledTimestampMs;
  const pending = await pendingActivities(client, part);
  const waiting = pending.filter(({ lastStartedTime }) => !lastStartedTime);
  const reasons = new Set<string>();
  for (const role of new Set(waiting.map(roleOf))) {
    const first = Math.min(
      ...waiting.filter((one) => roleOf(one) === role).map(({ scheduledTime }) => toMs(scheduledTime)),
    );
    const lastPoll = await lastPollOf(client, queueName(role, prefix));
    if (now - lastPoll > POLL_MS) reasons.add(`no ${role} worker polls since ${clock(Math.max(lastPoll, first))}`);
  }
  for (const { activityType, attempt, heartbeatDetails, lastFailure } of pending) {
    const name = activityType?.name ?? 'activity';
    const waitsFor = await waitOf(client, heartbeatDetails);
    if (waitsFor !== undefined) reasons.add(`${name} waits: ${waitsFor.slice(0, MESSAGE_LENGTH)}`);
    const type = lastFailure?.applicationFailureInfo?.type ?? '';
    if (!lastFailure || type === HANDED_BACK) continue;
    const failure = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, lastFailure);
    const message = failure?.message.replace(/\s+/g, ' ').slice(0, MESSAGE_LENGTH);
    reasons.add(
      `${name}, attempt ${attempt ?? 1}: the one before failed, ${[type, message].filter(Boolean).join(': ')}`,
    );
  }
  return { reasons: [...reasons].slice(0, REASONS) };
};

/** What the attempt under way says that it waits for. */
async function waitOf({ options }: Client, beat: Pending['heartbeatDetails']): Promise<string | undefined> {
  const [progress] = await decodeArrayFromPayloads(options.loadedDataConverter, beat?.payloads);
  return (progress as Progress | undefined)?.waitsFor;
}

async function pendingActivities(client: Client, { run, child }: WaitingPart): Promise<Pending[]> {
  const { raw } = await client.workflow.getHandle(run).describe();
  const ids = child === undefined ? (raw.pendingChildren ?? []).map(({ workflowId }) => workflowId ?? '') : [child];
  const children = await Promise.all(ids.map((id) => client.workflow.getHandle(id).describe()));
  return [raw, ...children.map((child) => child.raw)].flatMap(({ pendingActivities }) => pendingActivities ?? []);
}

/** The server forgets a poller after five minutes: 0 then. */
async function lastPollOf({ workflowService, options: { namespace } }: Client, queue: string): Promise<number> {
  const { pollers } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: queue },
    taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
  });
  return Math.max(0, ...(pollers ?? []).map(({ lastAccessTime }) => toMs(lastAccessTime)));
}

function roleOf({ activityType }: Pending): Role {
  return ACTIVITY_ROLES[activityType?.name as keyof typeof ACTIVITY_ROLES];
}

function toMs(time: Pending['scheduledTime']): number {
  return Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;
}

function clock(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
