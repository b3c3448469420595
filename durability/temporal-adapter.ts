/** The one file that knows the SDK's context of an activity. */
import { Context, type Info } from '@temporalio/activity';
import type { Attempt } from './attempt.js';

export function temporalAttempt(): Attempt {
  const context = Context.current();
  return {
    heartbeat: (progress) => context.heartbeat(progress),
    signal: context.cancellationSignal,
    cancelled: context.cancelled,
    sleep: (ms) => context.sleep(ms),
    stillAsked: () => context.client.activity.heartbeat(context.info.taskToken),
    isBounded: true,
  };
}

/** A client of the server that asked for the running activity. */
export function serverClient(): Context['client'] {
  return Context.current().client;
}

/** Of the running activity. */
export function activityInfo(): Info {
  return Context.current().info;
}
