import { AttemptError } from '../contracts/errors/retry-policy.js';
import type { ControlActivities } from '../contracts/protocol/activities.js';
import { serverClient } from '../durability/temporal-adapter.js';

/** The history is written before this activity is handed out, so the event is there unless the server fell behind. */
class UpdateNotInHistory extends AttemptError {
  override readonly name = 'UpdateNotInHistory';
  override readonly retry = 'transient';
  constructor(run: string, updateId: string) {
    super(`the history of ${run} has no update ${updateId}`);
  }
}

/** Who sent an update, as the server recorded it: the client's identity. Looks from the end of the history. */
export const identifySender = (): ControlActivities['identifySender'] => async (input) => {
  const { run, runId, updateId } = input;
  const { workflowService, options } = serverClient();
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await workflowService.getWorkflowExecutionHistoryReverse({
      namespace: options.namespace,
      execution: { workflowId: run, runId },
      ...(nextPageToken ? { nextPageToken } : {}),
    });
    for (const event of page.history?.events ?? []) {
      const { workflowExecutionUpdateAcceptedEventAttributes: accepted } = event;
      const { workflowExecutionUpdateAdmittedEventAttributes: admitted } = event; // behind a reset
      const meta = (accepted?.acceptedRequest ?? admitted?.request)?.meta;
      if (meta?.updateId === updateId) return { identity: meta.identity ?? '' };
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken && nextPageToken.length > 0);
  throw new UpdateNotInHistory(run, updateId);
};
