import { isGrpcServiceError, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { NamespaceNotFoundError, type Workflow, type WorkflowResultType } from '@temporalio/common';
import { setTimeout as sleep } from 'node:timers/promises';

const ASK_AGAIN_MS = 300;

/** The result of a workflow; asked for again as long as the server is away, or starts. Rejects with WorkflowFailedError. */
export async function resultOf<T extends Workflow>(handle: WorkflowHandle<T>): Promise<WorkflowResultType<T>> {
  for (;;) {
    try {
      return await handle.result();
    } catch (error) {
      if (!isAway(error)) throw error;
      await sleep(ASK_AGAIN_MS);
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof ServiceError || error instanceof NamespaceNotFoundError || isGrpcServiceError(error);
}
