import { asyncLocalStorage, Context, type Info } from '@temporalio/activity';
import { ActivityCancellationDetails, noopMetricMeter, type Logger } from '@temporalio/common';

const nothing = (): void => undefined;
const silent: Logger = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

const INFO = {
  attempt: 1,
  taskQueue: '',
  isLocal: true,
  taskToken: new Uint8Array(),
  base64TaskToken: '',
  activityId: '',
  activityType: '',
  heartbeatTimeoutMs: undefined,
  heartbeatDetails: undefined,
  namespace: '',
  scheduledTimestampMs: 0,
  startToCloseTimeoutMs: 0,
  scheduleToCloseTimeoutMs: 0,
  currentAttemptScheduledTimestampMs: 0,
  inWorkflow: false,
} as Info;

/** Runs an activity's work where no server asked for it: nothing cancels it, its heartbeats go to `onBeat`. */
export function asActivity<T>(work: () => Promise<T>, onBeat: (details: unknown) => void = nothing): Promise<T> {
  const never = new Promise<never>(nothing);
  const { signal } = new AbortController();
  const details = { details: new ActivityCancellationDetails() };
  const context = new Context(INFO, never, signal, onBeat, undefined, silent, noopMetricMeter, details);
  return asyncLocalStorage.run(context, work);
}
